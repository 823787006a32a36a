"""Teensy 4.1: pins, buses, capabilities."""

import machine

from bess.controller import Controller, Wiring

PINS = b"""\
can    site            1:D22,D23
can    cabinet         2:D1,D0
spi    afe             0:D13,D12,D11
cs     afe             D10
spi    fram            0:D13,D12,D11
cs     fram            D37
cs     expander        D36
out    minus           D2
out    plus            D3
out    precharge       D4
out    gate_enable     D5
out    pump            D24
out    heater          D25
out    chiller         D26
out    healthy         D27
out    heater_feed     D34
out    dryer           D35
pwm    drive           D9
in     hvil            D7
in     estop           D8
in     reset_key       D28
in     minus_closed    D29
in     plus_closed     D30
in     precharge_closed D31
in     coolant_flow    D33
in     door            D6
in     smoke           D38
in     gas             D32
in     heater_on       D39
in     compressor_ok   D40
in     enable_ok       D41
tacho  fan_speed       D33
analog supply          D14
analog reference       D15
analog terminal_plus   D16
analog terminal_minus  D17
analog coolant_supply  D18
analog ambient         D19
analog humidity        D20
analog board           D21
"""


def wiring():
    """The table made into devices, outputs safe first."""
    return Wiring(machine, PINS, str)


class Board(Controller):
    name = "TEENSY41"
    program_bytes = 262144

    def __init__(self, arguments, start):
        super().__init__(machine, wiring(), start)


def backup_memory():
    """Where latches lie, for provisioning."""
    return wiring().backup()
