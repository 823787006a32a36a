"""The cooling set contract, and the set of three relays.

A set is what control.thermal switches and asks; a chiller with a controller of its own is another
class with the same names. host_tests/bess/drivers/test_cooling.py holds both to this page.

Told when it changes, 1 or 0; a new set is off:
    pump(on), heater(on), chiller(on)
Read, 1 or 0 now:
    flowing()          coolant flows
    heating()          the heater has current
    compressor_well()  0 also when its contact has broken
"""


class RelayCooling:
    """Each part is a pin. outputs, inputs: the board's, by their names in bess.lines."""

    def __init__(self, outputs, inputs):
        self.pump = outputs["pump"].value
        self.heater = outputs["heater"].value
        self.chiller = outputs["chiller"].value
        self.flowing = inputs["coolant_flow"].value
        self.heating = inputs["heater_on"].value
        self.compressor_well = inputs["compressor_ok"].value
