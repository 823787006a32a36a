"""The object dictionary: parameters, tables of objects, PDO mappings, found by index.

What an entry is stands in the texts in flash; kept in RAM is only where, five bytes a row
in arrays sorted by index and sub-index. It runs in the service task, never in the fast path.
"""

from array import array
from struct import pack, unpack

from bess.link import abort
from bess.parameters import address, reserved
from bess.table import rows_at

_PER_ARRAY = 254
_ARRAYS = 4  # indices in a row that one long array may take
_OCTETS_MAX = 64
_OWN_INDEX = 0x2000
COB_DISABLED = 0x80000000
COB_NO_REMOTE = 0x40000000
_COB_ID = 0x3FFFFFFF
_STAR = 255  # sub-index of an array's row
_NO_READING = -32768  # what measure keeps for a temperature whose sensor gives nothing


def is_pdo_cob_id(index, sub):
    """The entry is a PDO's COB-ID, whose parameter is only whether it is enabled."""
    return sub == 1 and (0x1400 <= index < 0x1600 or 0x1800 <= index < 0x1A00)


def parameter_kind(index, sub, high):
    """Type of a parameter's entry: i32 for our own, CiA 301's for its objects."""
    if index >= _OWN_INDEX:
        return "i32"
    if is_pdo_cob_id(index, sub):
        return "u32"
    return "u8" if high <= 0xFF else "u16" if high <= 0xFFFF else "u32"


class Bytes:
    """A reader over bytes, of the shape of every DOMAIN: size(), read(offset, count)."""

    def __init__(self, data):
        self._data = data

    def size(self):
        return len(self._data)

    def read(self, offset, count):
        return self._data[offset : offset + count]


class Entry:
    """One found entry: `kind`, `access`, `size` (0 = variable) and how to reach its value."""

    def __init__(self, kind, access):
        self.kind = kind
        self.access = access
        self.size = int(kind[1:]) // 8 if kind[1:].isdigit() else 0
        self.index = 0
        self.sub = 0
        self.source = None  # text of the table's last column
        self.known = True  # there is something to read; else a path to what tells so
        self.row = -1  # row of the parameter table
        self.low = 0
        self.high = 0
        self.value = None  # computed by the finder


def _layout(entry):
    """Format of an integer entry for pack and unpack."""
    return "<" + ("bh_i" if entry.kind[0] == "i" else "BH_I")[entry.size - 1]


class Dictionary:
    """`lookup` finds an entry, `reader` and `write` use it. Refusals are SDO abort codes.

    root: object whose attributes the tables name; pdo: link.pdo.Pdos; may_write(under_load): abort
    code for a write that needs a session now, 0 when it is allowed; changed(index, sub): called
    after a parameter was set.
    """

    def __init__(self, root, parameters, tables, pdo, may_write, changed):
        self._root = root
        self._parameters = parameters
        self._tables = (parameters.table,) + tables
        self._pdo = pdo
        self._may_write = may_write
        self._changed = changed
        found = []
        start = 0
        for table in self._tables:
            for offset, fields in rows_at(table):
                place, _, sub = fields[0].partition(".")
                index, sub = (int(place, 16), _STAR) if sub == "*" else address(fields[0])
                found.append((index << 8 | sub, start + offset))
            start += len(table)
        found.sort()
        self._indices = array("H", [entry[0] >> 8 for entry in found])
        self._subs = bytes([entry[0] & 0xFF for entry in found])
        self._offsets = array("H", [entry[1] for entry in found])  # as if all tables were one

    def lookup(self, index, sub):
        """Entry, or the abort code that refuses it."""
        at = self._first(index << 8 | sub)
        entry = None
        if self._key(at) == index << 8 | sub and sub != _STAR:
            entry = self._from_row(at)
        if entry is None:
            entry = self._mapping(index, sub) or self._element(index, sub)
        if entry is None and sub == 0:
            entry = self._count(index)
        if entry is None:
            there = self._count(index) or self._element(index, 0) or self._pdo.describe(index, 0)
            return abort.NO_SUB if there else abort.NO_OBJECT
        entry.index = index
        entry.sub = sub
        return entry

    def _key(self, at):
        """Index and sub-index of a row as one number, -1 beyond the last."""
        return self._indices[at] << 8 | self._subs[at] if at < len(self._subs) else -1

    def _first(self, key):
        """Place of the first row at or after a key."""
        low, high = 0, len(self._subs)
        indices, subs = self._indices, self._subs
        while low < high:
            middle = (low + high) // 2
            if indices[middle] << 8 | subs[middle] < key:
                low = middle + 1
            else:
                high = middle
        return low

    def _from_row(self, at):
        start = self._offsets[at]
        number = 0
        while start >= len(self._tables[number]):
            start -= len(self._tables[number])
            number += 1
        table = self._tables[number]
        fields = table[start : table.find(b"\n", start)].decode().split(None, 5)
        if number == 0:
            high = int(fields[4], 0)
            entry = Entry(parameter_kind(self._indices[at], self._subs[at], high), "rw")
            entry.row, entry.low, entry.high = (
                self._parameters.row_at(start),
                int(fields[3], 0),
                high,
            )
            return entry
        entry = Entry(fields[2], fields[3])
        entry.source, _, known = fields[5].partition("?")
        if known:
            entry.known = known
        return entry

    def _array(self, index):
        """(entry of the array's row, number of elements before this index), or None."""
        at = self._first((index + 1) << 8) - 1
        if at >= 0 and self._subs[at] == _STAR and index - self._indices[at] < _ARRAYS:
            return self._from_row(at), (index - self._indices[at]) * _PER_ARRAY
        return None

    def _element(self, index, sub):
        found = self._array(index)
        if found is None:
            return None
        entry, first = found
        values = self._resolve(entry.source)
        if callable(values):
            values = values()
        count = min(max(len(values) - first, 0), _PER_ARRAY)
        if not count:
            return None
        if sub == 0:
            head = Entry("u8", "ro")
            head.value = count
            return head
        if sub > count:
            return None
        element = first + sub - 1
        entry.value = values[element]
        entry.source = None
        if isinstance(entry.known, str):
            known = self._resolve(entry.known)
            entry.known = known(element) if callable(known) else known
        if entry.value is None:
            entry.known = False
        return entry

    def _mapping(self, index, sub):
        found = self._pdo.describe(index, sub)
        if found is None:
            return None
        entry = Entry(found[0], "ro")
        entry.value = found[1]
        entry.known = found[1] is not None
        return entry

    def _count(self, index):
        """Sub-index 0 of an object of several rows, or None."""
        at = self._first((index + 1) << 8) - 1
        if at < 0 or self._indices[at] != index:
            return None
        entry = Entry("u8", "ro")
        entry.value = self._subs[at] if self._subs[at] != _STAR else 0  # an empty array
        return entry

    def _resolve(self, path):
        if path[0] == "=":
            return int(path[1:], 0)
        found = self._root
        for name in path.split("."):
            if callable(found):
                found = found()
            found = getattr(found, name or "string")
        return found

    def reader(self, entry):
        """What to upload: an object with size() and read(offset, count), or an abort code."""
        if entry.access[0] == "w":
            return abort.WRITE_ONLY
        if not (self._resolve(entry.known) if isinstance(entry.known, str) else entry.known):
            return abort.NO_DATA
        value = self._value(entry)
        if entry.kind == "i16" and value == _NO_READING:
            return abort.NO_DATA
        if entry.kind == "dom":
            return value if not isinstance(value, bytes) else Bytes(value)
        if entry.kind == "str":
            return Bytes(value.encode())
        if entry.kind == "oct":
            return Bytes(value)
        return Bytes(pack(_layout(entry), value))

    def _value(self, entry):
        if entry.row >= 0:
            value = self._parameters.values[entry.row]
            if is_pdo_cob_id(entry.index, entry.sub):
                return self._pdo.cob_id(entry.index) | (0 if value else COB_DISABLED)
            return value
        if entry.value is not None:
            return entry.value
        value = self._resolve(entry.source.split("|")[0])
        return value() if callable(value) else value

    def may_write(self, entry):
        """Abort code that refuses any write to an entry now, 0 when it may go on."""
        if entry.access == "ro":
            return abort.READ_ONLY
        if entry.access[-1] == "f":
            return abort.NONE
        return self._may_write(entry.access[-1] == "s")

    def sink(self, entry):
        """For a DOMAIN, where its bytes go: begin(size), write(data), end(), each an abort code."""
        return self._resolve(entry.source.split("|")[1])

    def longest(self, entry):
        """Most bytes that a write to a plain entry may have."""
        return entry.size or _OCTETS_MAX

    def write(self, entry, data):
        """Write a plain entry; returns an abort code, 0 when it was taken."""
        if entry.size:
            if len(data) > entry.size:
                return abort.TOO_LONG
            if len(data) < entry.size:
                return abort.TOO_SHORT
            data = unpack(_layout(entry), data)[0]
        if entry.row >= 0:
            return self._set_parameter(entry, data)
        writer = self._resolve(entry.source.split("|")[-1])
        return writer(data) or abort.NONE

    def _set_parameter(self, entry, value):
        if is_pdo_cob_id(entry.index, entry.sub):
            if value & _COB_ID != self._pdo.cob_id(entry.index) & _COB_ID:
                return abort.VALUE  # identifiers follow from the node id
            if not value & COB_NO_REMOTE:
                return abort.VALUE
            value = 0 if value & COB_DISABLED else 1
        elif value > entry.high:
            return abort.TOO_HIGH
        elif value < entry.low:
            return abort.TOO_LOW
        elif reserved(entry.index, entry.sub, value):
            return abort.VALUE
        elif value != self._parameters.values[entry.row] and self._pdo.fixed(
            entry.index, entry.sub
        ):
            return abort.STATE
        self._parameters.values[entry.row] = value
        self._changed(entry.index, entry.sub)
        return abort.NONE
