"""LSS slave (CiA 305): node id and bit timing for a device that has none, fastscan included.

Answers only while `may_configure()` says so (no power flows): settings of a working
device cannot be taken from the bus.
"""

from struct import pack_into, unpack_from

from bess.port.interpreter import const

REQUEST_ID = const(0x7E5)
RESPONSE_ID = const(0x7E4)
UNCONFIGURED = const(0)

_SWITCH_GLOBAL = const(0x04)
_CONFIGURE_ID = const(0x11)
_CONFIGURE_TIMING = const(0x13)
_ACTIVATE_TIMING = const(0x15)
_STORE = const(0x17)
_SELECT_VENDOR = const(0x40)
_SELECT_SERIAL = const(0x43)
_SELECTED = const(0x44)
_IDENTIFY_VENDOR = const(0x46)
_IDENTIFY_SERIAL_HIGH = const(0x4B)
_IDENTIFY_UNCONFIGURED = const(0x4C)
_IDENTIFIED = const(0x4F)
_UNCONFIGURED_IDENTIFIED = const(0x50)
_FASTSCAN = const(0x51)
_INQUIRE_VENDOR = const(0x5A)
_INQUIRE_SERIAL = const(0x5D)
_INQUIRE_ID = const(0x5E)
_RESTART_SCAN = const(128)
_KBIT_S = {0: 1000, 2: 500, 3: 250}  # CiA 305 standard table, what can.md allows


class LssSlave:
    """`request(data)` takes a frame of eight bytes.

    node: has `node_id` (0 = none), `vendor_id`, `product_code`, `revision_number`,
    `serial_number`, `adopt(node_id)`, `switch_bit_rate(kbit_s, delay_ms)`; keeper:
    `keep_identity(node_id, kbit_s)` stores, False when it cannot. send(can_id, data).
    """

    def __init__(self, node, keeper, send, may_configure, kbit_s):
        self._node = node
        self._keeper = keeper
        self._send = send
        self._may_configure = may_configure
        self._reply = bytearray(8)
        self.configuring = False
        self._pending_id = node.node_id
        self._pending_kbit_s = kbit_s
        self._matched = 0  # parts of a selective switch or an identify request that fitted
        self._position = 0  # of the fastscan

    def _address(self, part):
        node = self._node
        return (node.vendor_id, node.product_code, node.revision_number, node.serial_number)[part]

    def _answer(self, command, value=0):
        pack_into("<BI", self._reply, 0, command, value)
        self._send(RESPONSE_ID, self._reply)

    def request(self, data):
        """Work on one request."""
        if not self._may_configure():
            self.configuring = False
            return
        command = data[0]
        if command == _SWITCH_GLOBAL:
            self._switch(data[1])
        elif _SELECT_VENDOR <= command <= _SELECT_SERIAL:
            self._select(command - _SELECT_VENDOR, unpack_from("<I", data, 1)[0])
        elif _IDENTIFY_VENDOR <= command <= _IDENTIFY_SERIAL_HIGH:
            self._identify(command - _IDENTIFY_VENDOR, unpack_from("<I", data, 1)[0])
        elif command == _IDENTIFY_UNCONFIGURED:
            if self._pending_id == UNCONFIGURED:
                self._answer(_UNCONFIGURED_IDENTIFIED)
        elif command == _FASTSCAN:
            self._fastscan(data)
        elif self.configuring:
            self._configure(command, data)

    def _switch(self, mode):
        if mode == 1:
            self.configuring = True
            self._matched = 0
        elif mode == 0:
            was = self.configuring
            self.configuring = False
            if was and self._node.node_id == UNCONFIGURED and self._pending_id != UNCONFIGURED:
                self._node.adopt(self._pending_id)

    def _select(self, part, value):
        fits = value == self._address(part)
        self._matched = self._matched + 1 if fits and self._matched == part else 0
        if part == 0 and fits:
            self._matched = 1
        if part == 3 and self._matched == 4:
            self._matched = 0
            self.configuring = True
            self._answer(_SELECTED)

    def _identify(self, part, value):
        """Vendor, product, then revision and serial, each as a low and a high bound."""
        if part < 2:
            fits = value == self._address(part)
        else:
            own = self._address(2 + (part - 2) // 2)
            fits = value <= own if part % 2 == 0 else own <= value
        self._matched = self._matched + 1 if fits and self._matched == part else 0
        if part == 0 and fits:
            self._matched = 1
        if part == 5 and self._matched == 6:
            self._matched = 0
            self._answer(_IDENTIFIED)

    def _fastscan(self, data):
        if self._pending_id != UNCONFIGURED or self.configuring:
            return
        value, bit, part, following = unpack_from("<IBBB", data, 1)
        if bit == _RESTART_SCAN:
            self._position = 0
            self._answer(_IDENTIFIED)
            return
        if following > 3 or bit > 31 or part != self._position:
            return
        if self._address(part) >> bit != value >> bit:
            return
        self._position = following
        if bit == 0 and following < part:
            self.configuring = True
        self._answer(_IDENTIFIED)

    def _configure(self, command, data):
        if command == _CONFIGURE_ID:
            good = 1 <= data[1] <= 127 or data[1] == 0xFF
            if good:
                self._pending_id = data[1] if data[1] != 0xFF else UNCONFIGURED
            self._answer(command, 0 if good else 1)
        elif command == _CONFIGURE_TIMING:
            kbit_s = _KBIT_S.get(data[2]) if data[1] == 0 else None
            if kbit_s is not None:
                self._pending_kbit_s = kbit_s
            self._answer(command, 0 if kbit_s is not None else 1)
        elif command == _ACTIVATE_TIMING:
            self._node.switch_bit_rate(self._pending_kbit_s, unpack_from("<H", data, 1)[0])
        elif command == _STORE:
            kept = self._keeper.keep_identity(self._pending_id, self._pending_kbit_s)
            self._answer(command, 0 if kept else 2)
        elif _INQUIRE_VENDOR <= command <= _INQUIRE_SERIAL:
            self._answer(command, self._address(command - _INQUIRE_VENDOR))
        elif command == _INQUIRE_ID:
            self._answer(command, self._node.node_id or 0xFF)

    def forget_id(self):
        """The id turned out to be another node's: take part in scans again."""
        self._pending_id = UNCONFIGURED

    @property
    def pending_id(self):
        """Node id that the next reset of communication brings."""
        return self._pending_id
