"""The object dictionary: parameters, tables of objects, PDO mappings, found by index.

Nothing is kept per entry: a request searches the texts in flash, so that hundreds of
entries cost no heap. It runs in the service task, never in the fast path.
"""

from struct import pack, unpack

from bess.link import abort

_FORMATS = {"u8": "<B", "i8": "<b", "u16": "<H", "i16": "<h", "u32": "<I", "i32": "<i"}
_SIZES = {"u8": 1, "i8": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4}
_PER_ARRAY = 254
_ARRAYS = 4  # indices in a row that one long array may take
_OCTETS_MAX = 64
_OWN_INDEX = 0x2000
COB_DISABLED = 0x80000000
COB_NO_REMOTE = 0x40000000
_COB_ID = 0x3FFFFFFF


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
        self.size = _SIZES.get(kind, 0)
        self.index = 0
        self.sub = 0
        self.source = None  # text of the table's last column
        self.row = -1  # row of the parameter table
        self.low = 0
        self.high = 0
        self.value = None  # computed by the finder


class Dictionary:
    """`lookup` finds an entry, `reader` and `write` use it. Refusals are SDO abort codes.

    root: object whose attributes the tables name; pdo: link.pdo.Pdos; may_write(): abort code
    for a write that needs a session now, 0 when it is allowed; changed(index, sub): called
    after a parameter was set.
    """

    def __init__(self, root, parameters, tables, pdo, may_write, changed):
        self._root = root
        self._parameters = parameters
        self._tables = tables
        self._pdo = pdo
        self._may_write = may_write
        self._changed = changed

    def lookup(self, index, sub):
        """Entry, or the abort code that refuses it."""
        entry = self._parameter(index, sub) or self._object(index, sub) or self._mapping(index, sub)
        if entry is None and sub == 0:
            entry = self._count(index)
        if entry is None:
            return abort.NO_SUB if self._highest(index) else abort.NO_OBJECT
        entry.index = index
        entry.sub = sub
        return entry

    def _parameter(self, index, sub):
        found = self._parameters.find(index, sub)
        if found is None:
            return None
        row, low, high = found
        entry = Entry(parameter_kind(index, sub, high), "rw")
        entry.row, entry.low, entry.high = row, low, high
        return entry

    def _object(self, index, sub):
        key = ("\n0x%04X.%d " % (index, sub) if sub else "\n0x%04X " % index).encode()
        for table in self._tables:
            at = table.find(key)
            if at >= 0:
                return self._from_row(table, at)
        return self._element(index, sub)

    def _from_row(self, table, at):
        fields = table[at + 1 : table.find(b"\n", at + 1)].decode().split(None, 5)
        entry = Entry(fields[2], fields[3])
        entry.source = fields[5]
        return entry

    def _array(self, index):
        """(entry of the array's row, number of elements before this index), or None."""
        for back in range(_ARRAYS):
            key = ("\n0x%04X.* " % (index - back)).encode()
            for table in self._tables:
                at = table.find(key)
                if at >= 0:
                    return self._from_row(table, at), back * _PER_ARRAY
        return None

    def _elements(self, index):
        """Number of elements that stand at this index of an array."""
        found = self._array(index)
        if found is None:
            return 0
        entry, first = found
        return min(max(len(self._resolve(entry.source.split("|")[0])) - first, 0), _PER_ARRAY)

    def _element(self, index, sub):
        found = self._array(index)
        if found is None:
            return None
        entry, first = found
        values = self._resolve(entry.source.split("|")[0])
        count = min(max(len(values) - first, 0), _PER_ARRAY)
        if first and not count:
            return None
        if sub == 0:
            head = Entry("u8", "ro")
            head.value = count
            return head
        if sub > count:
            return None
        entry.value = values[first + sub - 1]
        entry.access = "ro"
        entry.source = None
        return entry

    def _mapping(self, index, sub):
        found = self._pdo.describe(index, sub)
        if found is None:
            return None
        kind, value = found
        entry = Entry(kind, "ro")
        entry.value = value
        return entry

    def _highest(self, index):
        """Highest sub-index of a record, 0 for what does not exist or is no record."""
        highest = 0
        key = ("\n0x%04X." % index).encode()
        for table in (self._parameters.table,) + self._tables:
            at = table.find(key)
            while at >= 0:
                sub = table[at + 8 : table.find(b" ", at)]
                if sub != b"*":
                    highest = max(highest, int(sub))
                at = table.find(key, at + 1)
        if highest:
            return highest
        if self._elements(index) or self._parameters.find(index, 0) is not None:
            return 1
        return 1 if self._object(index, 0) else 0

    def _count(self, index):
        highest = self._highest(index)
        if not highest:
            return None
        entry = Entry("u8", "ro")
        entry.value = highest
        return entry

    def _resolve(self, path):
        if path[0] == "=":
            return int(path[1:], 0)
        found = self._root
        for name in path.split("."):
            found = getattr(found, name)
        return found

    def reader(self, entry):
        """What to upload: an object with size() and read(offset, count), or an abort code."""
        if entry.access[0] == "w":
            return abort.WRITE_ONLY
        value = self._value(entry)
        if entry.kind == "dom":
            return value if not isinstance(value, bytes) else Bytes(value)
        if entry.kind == "str":
            return Bytes(value.encode())
        if entry.kind == "oct":
            return Bytes(value)
        return Bytes(pack(_FORMATS[entry.kind], value))

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
        if entry.access[0] == "r" and entry.access != "rw" and entry.access != "rwf":
            return abort.READ_ONLY
        if entry.access[-1] == "f":
            return abort.NONE
        return self._may_write()

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
            data = unpack(_FORMATS[entry.kind], data)[0]
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
        elif not self._pdo.allows(entry.index, entry.sub, value):
            return abort.VALUE
        self._parameters.values[entry.row] = value
        self._changed(entry.index, entry.sub)
        return abort.NONE
