"""Pyboard D SF6 on a carrier with the 80-way bus: pins, buses, capabilities."""

import machine

from bess.controller import Controller, Wiring

PINS = b"""\
can    site            1:X10,X9
can    cabinet         2:Y6,Y5
spi    afe             3:W29,W50,W46
cs     afe             W16
spi    fram            1:X6,X7,X8
cs     fram            X5
cs     expander        W3
out    minus           W22
out    plus            W24
out    precharge       W27
out    gate_enable     W33
out    pump            W34
out    heater          W71
out    chiller         W73
out    healthy         W74
out    heater_feed     W23
out    dryer           W32
pwm    drive           W30
in     hvil            W18
in     estop           W20
in     reset_key       W25
in     minus_closed    W26
in     plus_closed     W53
in     precharge_closed W57
in     coolant_flow    W61
in     door            W58
in     smoke           W60
in     gas             W62
in     heater_on       W65
in     compressor_ok   W66
in     enable_ok       W68
tacho  fan_speed       W61
analog supply          X1
analog reference       X2
analog terminal_plus   X3
analog terminal_minus  X4
analog coolant_supply  X11
analog ambient         X12
analog humidity        Y11
analog board           Y12
"""


def wiring():
    """The table made into devices, outputs safe first."""
    return Wiring(machine, PINS, str)


class Board(Controller):
    name = "PYBD_SF6"
    program_bytes = 2097152

    def __init__(self, arguments, start):
        machine.freq(216000000)  # it boots at 144 MHz
        machine.Pin("EN_3V3", machine.Pin.OUT, value=1)  # the carrier's supply is off after boot
        super().__init__(machine, wiring(), start)


def backup_memory():
    """Where latches lie, for provisioning."""
    return wiring().backup()
