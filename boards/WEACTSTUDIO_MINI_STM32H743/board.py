"""WeAct Studio MiniSTM32H743 without its display: pins, buses, capabilities."""

import machine

from bess.controller import Controller, Wiring

PINS = b"""\
can    site            1:B9,B8
spi    afe             2:B13,B14,B15
cs     afe             B12
spi    fram            4:E12,E13,E14
cs     fram            E11
out    minus           D0
out    plus            D1
out    precharge       D3
out    gate_enable     D5
out    pump            D15
out    heater          D10
out    chiller         D14
out    healthy         B7
out    heater_feed     A10
out    dryer           A9
pwm    drive           A8
in     hvil            E0
in     estop           E1
in     reset_key       E4
in     minus_closed    E5
in     plus_closed     E6
in     precharge_closed E7
in     coolant_flow    E8
in     door            E9
in     smoke           E15
in     gas             D8
in     heater_on       D9
in     compressor_ok   B10
in     enable_ok       B11
in     slot0           C0
in     slot1           C1
in     slot2           C4
in     slot3           C5
in     slot4           B0
in     slot5           B1
in     slot6           C6
in     slot7           C7
in     slot8           B5
in     slot9           A15
in     slot10          E10
in     slot11          C8
in     slot12          C9
in     slot13          C10
in     slot14          C11
in     slot15          D2
tacho  fan_speed       E8
analog supply          A0
analog reference       A1
analog terminal_plus   A2
analog terminal_minus  A3
analog coolant_supply  A4
analog ambient         A5
analog humidity        A6
analog board           A7
"""


def wiring():
    """The table made into devices, outputs safe first."""
    return Wiring(machine, PINS, str)


class Board(Controller):
    name = "WEACTSTUDIO_MINI_STM32H743"
    program_bytes = 8388608

    def __init__(self, arguments, start):
        super().__init__(machine, wiring(), start)


def backup_memory():
    """Where latches lie, for provisioning."""
    return wiring().backup()
