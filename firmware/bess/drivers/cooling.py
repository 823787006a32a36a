"""The cooling set contract, and the sets of pins: direct liquid loop and air.

A set is what control.thermal switches and asks; a chiller with a controller of its own is another
class with the same names (chiller_can.py). host_tests/bess/drivers/test_cooling.py holds all to
this page.

Built of board, port (the cabinet's bus) and leaves; `ids`, `filters` as other drivers of that bus.
Told when it changes, 1 or 0; a new set is off:
    pump(on)     coolant or air moves
    heater(on)   and feed(on), the contactor in series with it: both, or it has no current
    chiller(on)  the compressor
    dry(on)      the dehumidifier
Told once a second:
    drive(permille, outlet_dc)  how much of all it can, and how warm water leaves it
    step(now_ms)                after all that
Read, now:
    flowing()          0 or 1: coolant or air moves
    heating()          0 or 1: the heater has current
    compressor_well()  0 also when its contact has broken
    age_ms()           since the set was heard, 0 where there is nothing to hear
    hold_stamps(now_ms)
    fault_bits         what it says of itself, 0: nothing
"""

from bess.port.interpreter import const

LIQUID = const(0)
CHILLER = const(1)
AIR = const(2)

_TURNING_U16 = const(6554)  # a tenth of the rated speed: a fan that stands or nearly does


class RelayCooling:
    """Direct liquid loop: each part a pin by its name in bess.lines, the compressor's speed by
    the board's `drive`.
    """

    ids = ()
    filters = ()
    fault_bits = 0

    def __init__(self, board, port, leaves):
        outputs, inputs = board.outputs, board.inputs
        self.pump = outputs["pump"].value
        self.heater = outputs["heater"].value
        self.chiller = outputs["chiller"].value
        self.feed = outputs["heater_feed"].value
        self.dry = outputs["dryer"].value
        self._duty = board.drive.duty
        self.flowing = inputs["coolant_flow"].value
        self.heating = inputs["heater_on"].value
        self.compressor_well = inputs["compressor_ok"].value

    def drive(self, permille, outlet_dc):
        self._duty(permille)

    def step(self, now_ms):
        """Pins hold what they were told."""

    def hold_stamps(self, now_ms):
        """It has none."""

    def age_ms(self):
        return 0


class AirCooling(RelayCooling):
    """Fans, whose speed is `drive` and whose tacho (channel fan_speed) proves it, a heater and an
    air conditioner.
    """

    def __init__(self, board, port, leaves):
        super().__init__(board, port, leaves)
        self._speed = board.analog["fan_speed"].read_u16
        self.flowing = self._turning

    def _turning(self):
        return 1 if self._speed() >= _TURNING_U16 else 0


def set_of(parameters):
    """Class of the set that a cabinet has."""
    kind = parameters.get("cooling_set")
    if kind == CHILLER:
        from bess.drivers.chiller_can import ChillerCan

        return ChillerCan
    return AirCooling if kind == AIR else RelayCooling
