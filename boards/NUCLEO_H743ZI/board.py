"""ST Nucleo-144 H743ZI, a development board: pins, buses, capabilities."""

import machine

from bess.controller import Controller, Wiring

PINS = b"""\
can    site            1:D1,D0
spi    afe             3:B3,B4,B5
cs     afe             A4
spi    fram            3:B3,B4,B5
cs     fram            A15
out    minus           D11
out    plus            D12
out    precharge       D13
out    gate_enable     D14
out    pump            D15
out    heater          E12
out    chiller         E13
out    healthy         E15
out    heater_feed     G12
out    dryer           G14
pwm    drive           B1
in     hvil            E0
in     estop           E2
in     reset_key       E3
in     minus_closed    E4
in     plus_closed     E5
in     precharge_closed E6
in     coolant_flow    E7
in     door            E8
in     smoke           E9
in     gas             E10
in     heater_on       E11
in     compressor_ok   B10
in     enable_ok       B11
in     slot0           C6
in     slot1           C7
in     slot2           C8
in     slot3           C9
in     slot4           C10
in     slot5           C11
in     slot6           F2
in     slot7           D2
in     slot8           D3
in     slot9           D7
in     slot10          E14
in     slot11          F0
in     slot12          F1
in     slot13          G0
in     slot14          G1
in     slot15          G3
tacho  fan_speed       E7
analog supply          F3
analog reference       F4
analog terminal_plus   F5
analog terminal_minus  F6
analog coolant_supply  F7
analog ambient         F8
analog humidity        F9
analog board           F10
"""


def pin_of(text):
    """The chip's own pin: on this board the text D1 would be the Arduino header's."""
    return getattr(machine.Pin.cpu, text)


def wiring():
    """The table made into devices, outputs safe first."""
    return Wiring(machine, PINS, pin_of)


class Board(Controller):
    name = "NUCLEO_H743ZI"
    program_bytes = 262144

    def __init__(self, arguments, start):
        super().__init__(machine, wiring(), start)

    def slots(self):
        """None: its internal flash is no place that a power cut leaves whole; cable only."""
        return


def backup_memory():
    """Where latches lie, for provisioning."""
    return wiring().backup()
