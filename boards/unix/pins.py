"""The virtual cabinet's pins: contacts and channels as the newest TICK says, outputs for DONE."""

import wire
from bess import lines
from bess.port.interpreter import const

# where things stand in a TICK, in halfwords (wire.py)
_LINES = const(2)
_ANALOG = const(8)
_OUTPUTS = const((1 << 16) - 1)  # below wire.DRIVE_BIT


class InputPin:
    def __init__(self, link, bit):
        self._link = link
        self._bit = bit

    def value(self):
        return self._link.tick[_LINES + (self._bit >> 4)] >> (self._bit & 15) & 1


class InputPins:
    """Inputs by name, made when they are asked for: a cabinet uses few of the sixteen slots."""

    def __init__(self, link):
        self._link = link
        self._names = lines.names(lines.INPUTS)
        self._contacts = (1 << lines.SLOTS) - 1

    def __getitem__(self, name):
        """Raises KeyError for a name that no pin has."""
        if name in self._names:
            return InputPin(self._link, self._names.index(name))
        slot = int(name[4:]) if name[:4] == "slot" and name[4:].isdigit() else lines.SLOTS_MAX
        if slot >= lines.SLOTS_MAX:
            raise KeyError("no input is named " + name)
        return InputPin(self._link, wire.SLOT_BIT + slot)

    def read(self):
        """Every contact now, in the bits of bess.lines."""
        tick = self._link.tick
        return tick[_LINES] & self._contacts | tick[_LINES + 1] << lines.SLOTS


class AnalogPin:
    """A channel of the shape of machine.ADC."""

    def __init__(self, link, channel):
        self._link = link
        self._channel = channel

    def read_u16(self):
        return self._link.tick[_ANALOG + self._channel]


class Drive:
    """Share of full speed, 0..1000: above the output lines in the same word."""

    def __init__(self, link):
        self._link = link

    def duty(self, permille):
        link = self._link
        link.outputs = link.outputs & _OUTPUTS | permille << wire.DRIVE_BIT


class OutputPin:
    def __init__(self, link, bit):
        self._link = link
        self._mask = 1 << bit

    def value(self, level):
        if level:
            self._link.outputs |= self._mask
        else:
            self._link.outputs &= ~self._mask
