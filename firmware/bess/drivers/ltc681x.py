"""LTC6813-1 battery monitors on an isoSPI daisy chain behind an LTC6820.

Register and command names, codes and bit positions are the data sheet's (LTC6813-1,
tables "Command Codes", "Memory Map" and "Command Bit Descriptions"). Every method but
wake() is one SPI transaction; nothing here allocates.
"""

from array import array

from bess.drivers.pec15 import pec15, pec_table
from bess.port.interpreter import bind, const

CELLS_PER_DEVICE = const(18)

# command codes; 0x100 is MD = 10 (7 kHz): all 18 cells in 2.335 ms, GPIOs in about 4 ms
WRCFGA = const(0x001)
WRCFGB = const(0x024)
RDCFGA = const(0x002)
RDCFGB = const(0x026)
RDCVA = const(0x004)
RDCVB = const(0x006)
RDCVC = const(0x008)
RDCVD = const(0x00A)
RDCVE = const(0x009)
RDCVF = const(0x00B)
RDAUXA = const(0x00C)
RDAUXB = const(0x00E)
RDSTATA = const(0x010)
RDSTATB = const(0x012)
ADCV = const(0x260 | 0x100)  # discharge not permitted, all cells
ADAX = const(0x460 | 0x100)
ADSTAT = const(0x468 | 0x100)
CVST = const(0x207 | 0x100 | 0x20)  # self test 1: every cell register must read 0x9555
ADOW_PULL_UP = const(0x228 | 0x100 | 0x40)
ADOW_PULL_DOWN = const(0x228 | 0x100)

SELF_TEST_RESULT = const(0x9555)  # CVST, self test 1, 7 kHz
SUM_FACTOR = const(30)  # sum of cells = SC * 30 * 100 uV
_READY_US = const(10)  # tREADY
_REGISTER_BYTES = const(6)
_STRIDE = const(8)  # six bytes and their PEC

CELL_READS = (RDCVA, RDCVB, RDCVC, RDCVD, RDCVE, RDCVF)


class Chain:
    """`device_count` LTC6813-1 in a row.

    `read(command)` fetches one register group of all devices; then `valid[d]` tells
    whether device d answered with a right PEC and `word(d, 0..2)` gives its registers.
    `received` is that read: four bytes of the command, then eight for each device.
    `crc_streak[d]` counts bad answers in a row, saturating at 250.
    """

    def __init__(self, spi, chip_select, device_count, leaves, wait_us):
        self._spi = spi
        self._cs = chip_select
        self.device_count = device_count
        self._table = pec_table()
        size = 4 + device_count * _STRIDE
        self._read_tx = bytearray(b"\xff" * size)
        self.received = bytearray(size)
        self._command_tx = bytearray(4)
        self._command_rx = bytearray(4)
        self._check = leaves.check_group
        self._wait_us = wait_us
        self._ready_us = device_count * _READY_US
        self.valid = bytearray(device_count)
        self.crc_streak = bytearray(device_count)
        self.crc_errors = 0
        self._discharge = array("I", bytes(4 * device_count))
        self._config_a = bytearray(device_count * _REGISTER_BYTES)
        self._config_b = bytearray(device_count * _REGISTER_BYTES)
        self._tx_a = bytearray(size)
        self._tx_b = bytearray(size)
        self._expected_a = bytearray(device_count * _STRIDE)
        self._expected_b = bytearray(device_count * _STRIDE)
        self._mask_a = bytearray(b"\x05\xff\xff\xff\xff\x0f\x00\x00" * device_count)
        self._mask_b = bytearray(b"\xf0\xff\xff\xff\xff\xff\x00\x00" * device_count)
        # what prepare_config never changes, so that it can be compared while a change waits
        self._mask_kept = bytearray(b"\x05\x00\x00\x00\x00\x00\x00\x00" * device_count)
        self._differing = leaves.devices_differing
        self._config_waits = True  # prepared, not yet written
        self.config_written = False
        bind(self, "wake", "_set_command", "command", "read", "word")
        self.prepare_config()

    def wake(self):
        """Chip-select pulse that wakes the chain; needed after 4.3 ms of silence (tIDLE).

        Each device passes the pulse on when it is ready, 10 us later, so all are after
        that time for each: it is waited here. Sleeping cores (after 2 s) need 400 us each
        and lose the commands of that tick; the next tick finds them awake.
        """
        self._cs.value(0)
        self._cs.value(1)
        self._wait_us(self._ready_us)

    def _set_command(self, frame, command):
        frame[0] = command >> 8
        frame[1] = command & 0xFF
        pec = pec15(self._table, frame, 0, 2)
        frame[2] = pec >> 8
        frame[3] = pec & 0xFF

    def command(self, command):
        """Broadcast a command without data (ADCV, ADAX, ADSTAT, ADOW, CVST)."""
        self._set_command(self._command_tx, command)
        self._cs.value(0)
        self._spi.write_readinto(self._command_tx, self._command_rx)
        self._cs.value(1)

    def read(self, command):
        """Read a register group of every device; returns how many answers were valid."""
        tx = self._read_tx
        self._set_command(tx, command)
        self._cs.value(0)
        self._spi.write_readinto(tx, self.received)
        self._cs.value(1)
        good = self._check(
            self.received, self._table, self.device_count, self.valid, self.crc_streak
        )
        if good != self.device_count:
            self.crc_errors = (self.crc_errors + self.device_count - good) & 0x1FFFFFFF
        return good

    def word(self, device, register):
        """Register 0..2 (uint16) of a device in the group read last."""
        at = 4 + device * _STRIDE + 2 * register
        return self.received[at] | self.received[at + 1] << 8

    def set_discharge(self, device, mask):
        """Choose the discharge switches of a device (bit 0 = cell 1, DCC1..18).

        Takes effect with `prepare_config()` and the next writes.
        """
        self._discharge[device] = mask

    def prepare_config(self):
        """Build both configuration writes; not in the fast path (about a thousand bytes).

        CFGRA: GPIO1..5 high impedance, REFON, DCC1..12, no discharge timer. CFGRB: GPIO6..9
        high impedance, DCC13..18.
        """
        for device in range(self.device_count):
            mask = self._discharge[device]
            at = device * _REGISTER_BYTES
            self._config_a[at] = 0xFC
            self._config_a[at + 4] = mask & 0xFF
            self._config_a[at + 5] = mask >> 8 & 0x0F
            self._config_b[at] = (mask >> 12 & 0x0F) << 4 | 0x0F
            self._config_b[at + 1] = mask >> 16 & 0x03
        self._frame_config(WRCFGA, self._config_a, self._tx_a, self._expected_a)
        self._frame_config(WRCFGB, self._config_b, self._tx_b, self._expected_b)
        self._config_waits = True

    def _frame_config(self, command, config, tx, expected):
        self._set_command(tx, command)
        last = self.device_count - 1
        for device in range(self.device_count):
            # the first data on the wire shift through to the last device
            at = 4 + (last - device) * _STRIDE
            for i in range(_REGISTER_BYTES):
                byte = config[device * _REGISTER_BYTES + i]
                tx[at + i] = byte
                expected[device * _STRIDE + i] = byte
            pec = pec15(self._table, tx, at, _REGISTER_BYTES)
            tx[at + 6] = pec >> 8
            tx[at + 7] = pec & 0xFF

    def write_config(self):
        """WRCFGA and WRCFGB, two transactions, with what prepare_config built."""
        self._write(self._tx_a)
        self._write(self._tx_b)
        self._config_waits = False
        self.config_written = True

    def _write(self, tx):
        self._cs.value(0)
        self._spi.write_readinto(tx, self.received)
        self._cs.value(1)

    def config_differs(self, group):
        """After read(RDCFGA or RDCFGB): valid devices that do not hold what was written last.

        Read-only bits are left out: GPIO pin levels, DTEN of CFGR0 and the discharge timer. While
        prepare_config has changed switches since the last write, REFON and
        ADCOPT alone are compared; REFON is 0 after any reset.
        """
        if group == RDCFGA:
            mask = self._mask_kept if self._config_waits else self._mask_a
            return self._differing(self.received, self.valid, self._expected_a, mask)
        if self._config_waits:
            return 0
        return self._differing(self.received, self.valid, self._expected_b, self._mask_b)
