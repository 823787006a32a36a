"""Packs and unpacks the fields of eight-byte frames as a table says.

A table is text (see bess.table). `frame NAME ID ...` opens a frame; each `field NAME
START BITS SIGN SCALE UNIT` line below it is one field, little-endian, START counted in
bits from bit 0 of byte 0. A field of eight bits or more starts at a byte; a smaller one
stays inside its byte. SCALE and UNIT speak to the DBC; here all is raw integers.
"""

from array import array

from bess.port.interpreter import bind, const
from bess.port.native import leaves as native_leaves
from bess.table import rows

_MOST_BITS = const(24)  # of a field: every value is a small integer on every board


class FrameCodec:
    """Fields of all frames of one table, with one slot of `image` (array('i')) a field.

    `slot(name)` is looked up once at boot; `pack` and `unpack` allocate nothing.
    """

    def __init__(self, text, leaves=native_leaves):
        self._text = text
        self._pack = leaves.pack_fields
        self._unpack = leaves.unpack_fields
        self._first = array("H")  # first field of each frame, and the end
        self._fields = array("b")
        count = 0
        for fields in rows(text):
            if fields[0] == "frame":
                self._first.append(count)
            else:
                start, bits = int(fields[2]), int(fields[3])
                if bits > _MOST_BITS:
                    raise ValueError(fields[1] + " has more bits than a field may have")
                for number in (start >> 3, start & 7, bits, 1 if fields[4] == "i" else 0):
                    self._fields.append(number)
                count += 1
        self._first.append(count)
        self.image = array("i", bytes(4 * count))
        bind(self, "pack", "unpack")

    def frame(self, name):
        """Number of the frame. Raises KeyError when the table has none of that name."""
        number = 0
        for fields in rows(self._text):
            if fields[0] == "frame":
                if fields[1] == name:
                    return number
                number += 1
        raise KeyError("no frame is named " + name)

    def slot(self, frame_name, field_name):
        """Index into `image`. Raises KeyError for an unknown field."""
        slot = 0
        current = ""
        for fields in rows(self._text):
            if fields[0] == "frame":
                current = fields[1]
            else:
                if current == frame_name and fields[1] == field_name:
                    return slot
                slot += 1
        raise KeyError("no field is named " + frame_name + "." + field_name)

    def pack(self, frame, out):
        """Write all eight bytes of a frame from the image; values are clipped to their field."""
        first = self._first
        self._pack(self.image, self._fields, first[frame], first[frame + 1], out)

    def unpack(self, frame, data):
        """Read the fields of a frame of eight bytes into the image."""
        first = self._first
        self._unpack(data, self._fields, first[frame], first[frame + 1], self.image)
