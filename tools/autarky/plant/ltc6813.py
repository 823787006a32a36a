"""Register-level model of an LTC6813-1 daisy chain, from the data sheet.

Commands with wrong PEC are ignored; conversions take their time; unread registers are
0xFFFF; after two seconds without a command the cores sleep and forget. Faults: dead
device, broken chain, open sense wire, bit errors on the way back, a wrong converter, a device
that was reset by a glitch.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autarky.plant.cells import KELVIN, Floats

Words = NDArray[np.uint16]
CELLS = 18
SLEEP_US = 2_000_000  # tSLEEP, typical
WAKE_US = 400  # tWAKE, each device
VREF2_V = 3.0
_CFGA_RESET, _CFGB_RESET = 0x00F8, 0x000F  # GPIO pull-downs off, REFON 0, no discharge
PULL_CURRENT_V = 0.004  # 100 uA through a filter resistor of some ten ohms
SELF_TEST = {1: 0x9555, 2: 0x6AAA}  # results in the 7 kHz mode
# conversion times of the 7 kHz mode
ADCV_US, ADAX_US, ADSTAT_US = 2335, 3862, 1563

# read commands of the register groups, three words each, and which of them hold what
READS = (0x004, 0x006, 0x008, 0x00A, 0x009, 0x00B, 0x00C, 0x00E, 0x010, 0x012, 0x002, 0x026)
_CELL_READS, _AUX_READS = READS[:6], READS[6:8]
_STATUS_READS, _CONFIG_READS = READS[8:10], READS[10:]
_GROUP_OF = {command: group for group, command in enumerate(READS)}


def _pec_table() -> NDArray[np.uint16]:
    table = np.zeros(256, dtype=np.uint16)
    for byte in range(256):
        crc = byte << 7
        for _ in range(8):
            crc = ((crc << 1) ^ 0x4599 if crc & 0x4000 else crc << 1) & 0x7FFF
        table[byte] = crc
    return table


_TABLE = _pec_table()
_LIST = [int(x) for x in _TABLE]


def pec15(data: bytes) -> int:
    """PEC as sent (shifted left by one); data sheet: 0x00 0x01 has 0x3D6E."""
    crc = 16
    for byte in data:
        crc = (crc << 8 & 0x7FFF) ^ _LIST[(crc >> 7 ^ byte) & 0xFF]
    return crc << 1


def _word_tables() -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.uint16], int]:
    """PEC is linear over bits: the share of each of three words, and of the seed alone."""
    seed = pec15(bytes(6))
    words = np.arange(0x10000, dtype="<u2").view(np.uint8).reshape(-1, 2)
    tables = []
    for position in range(3):
        rows = np.zeros((0x10000, 6), dtype=np.uint8)
        rows[:, 2 * position : 2 * position + 2] = words
        crc = np.full(0x10000, 16, dtype=np.uint16)
        for i in range(6):
            crc = (crc << 8 & 0x7FFF) ^ _TABLE[(crc >> 7 ^ rows[:, i]) & 0xFF]
        tables.append((crc << 1) ^ np.uint16(seed))
    return tables[0], tables[1], tables[2], seed


_WORD_0, _WORD_1, _WORD_2, _SEED = _word_tables()


def with_pec(words: Words) -> NDArray[np.uint16]:
    """Append the PEC to each row of three words; shape (..., 3) -> (..., 4), little-endian.

    The PEC goes out high byte first, so its word is swapped.
    """
    out = np.empty((*words.shape[:-1], 4), dtype="<u2")
    out[..., :3] = words
    pec = _WORD_0[words[..., 0]] ^ _WORD_1[words[..., 1]] ^ _WORD_2[words[..., 2]] ^ _SEED
    out[..., 3] = pec.byteswap()
    return out


def ntc_ratio(temperature_c: Floats, beta_k: float = 3435.0) -> Floats:
    """V(NTC) / VREF2 of a 10 kohm NTC below 10 kohm."""
    ratio = np.exp(beta_k * (1 / (temperature_c + KELVIN) - 1 / 298.15))
    return ratio / (ratio + 1)


def _words(volts: Floats) -> Words:
    return (np.minimum(np.maximum(volts, 0.0), 6.5535) * 1e4 + 0.5).astype("<u2")


class Chain:
    """`write` takes the bytes of one SPI transaction at a time; `answer` serves a read.

    layout: cells of each device; `feed(cell_v, ntc_c)` sets what the pins see from now on:
    cell_v (cells of the string), ntc_c (sensors). `changed()` drains the commands whose
    answers differ from before.
    """

    def __init__(self, layout: Sequence[int], sensors_per_device: int = 5, seed: int = 0) -> None:
        self.layout = list(layout)
        self.devices = n = len(self.layout)
        self._sensors = sensors_per_device
        self._random = random.Random(seed)
        self._is_cell = np.arange(CELLS) < np.array(self.layout)[:, None]
        self._pins_v = np.zeros((n, CELLS))
        self._ntc_c: Floats = np.full(n * sensors_per_device, 25.0)
        self.die_c = np.full(n, 30.0)
        self.dead: set[int] = set()
        self.broken_at: int | None = None  # first device that cannot be reached
        self.open_wires: set[tuple[int, int]] = set()  # (device, pin C0..C18)
        self.bit_error_devices: dict[int, float] = {}  # device -> share of answers disturbed
        self.disturbed_reads: set[int] = set()  # read commands whose answers never come whole
        self.resets_each_ms: dict[int, int] = {}  # device -> period of its resets by a glitch
        self.wrong_converter: set[int] = set()
        self.wrong_reference: set[int] = set()  # VREF2 out of its range
        self.low_supply: set[int] = set()  # VREG too low
        self.sum_gain = 1.0  # of the sum-of-cells converter
        self.stuck_config: set[int] = set()  # a configuration bit that does not take
        self.extra_cell_v: dict[int, float] = {}  # device -> voltage at an unused input
        self.frozen_v: dict[tuple[int, int], float] = {}  # (device, cell) that no longer follows
        self.commands_ignored = 0
        self._asleep = True
        self._awake_us = 0
        self._last_us = 0
        self._pending: list[tuple[int, Sequence[int]]] = []
        self._changed: set[int] = set()
        self._reset()

    def _reset(self) -> None:
        n = self.devices
        self._groups: Words = np.full((len(READS), n, 3), 0xFFFF, dtype="<u2")
        self._registers: dict[str, Words] = {
            "cell": self._groups[:6], "aux": self._groups[6:8], "stat": self._groups[8:10],
            "cfga": self._groups[10], "cfgb": self._groups[11],
        }  # fmt: skip
        self._groups[10:] = 0
        self._registers["cfga"][:, 0] = _CFGA_RESET
        self._registers["cfgb"][:, 0] = _CFGB_RESET
        self._next: dict[str, Words] = {}
        self._pending.clear()
        self._changed.update(READS)

    def reset_device(self, device: int, pull_down: bool = False) -> None:
        """A glitch: the configuration is what a reset leaves; pull_down: GPIO1..5 draw as well."""
        self._registers["cfga"][device] = 0
        self._registers["cfga"][device, 0] = 0 if pull_down else _CFGA_RESET
        self._registers["cfgb"][device] = 0
        self._registers["cfgb"][device, 0] = _CFGB_RESET
        self._changed.update(_CONFIG_READS)

    def feed(self, cell_v: Floats, ntc_c: Floats) -> None:
        """Voltages and temperatures at the pins; sampled by the next conversion."""
        self._pins_v[self._is_cell] = cell_v
        self._ntc_c = np.asarray(ntc_c, dtype=float)

    def wake(self, now_us: int) -> None:
        """Wake pulse on the isoSPI port: sleeping cores answer tWAKE later, one by one."""
        if self._asleep:
            self._asleep = False
            self._awake_us = now_us + WAKE_US * self.devices
        self._last_us = now_us

    def tick(self, now_us: int) -> None:
        """Finish conversions that are due, and fall asleep when nobody speaks."""
        while self._pending and self._pending[0][0] <= now_us:
            _, commands = self._pending.pop(0)
            for kind, words in self._next.items():
                self._registers[kind][:] = words.reshape(self.devices, -1, 3).swapaxes(0, 1)
            self._next = {}
            self._changed.update(commands)
        for device, period_ms in self.resets_each_ms.items():
            if now_us // 1000 % period_ms == 0:
                self.reset_device(device)
        if not self._asleep and now_us - self._last_us > SLEEP_US:
            self._asleep = True
            self._reset()

    def write(self, tx: bytes, now_us: int) -> None:
        """One transaction that is no read: a command, or configuration for all devices."""
        self.tick(now_us)
        if self._asleep or now_us < self._awake_us:
            self.wake(now_us)  # chip select fell: that is a wake pulse, the bytes are lost
            self.commands_ignored += 1
            return
        if len(tx) < 4 or tx[2] << 8 | tx[3] != pec15(tx[:2]):
            self.commands_ignored += 1
            return
        self._last_us = now_us
        command = (tx[0] << 8 | tx[1]) & 0x7FF
        if command in (0x001, 0x024):
            self._write_config(command, tx[4:])
        elif command & 0x668 == 0x260:
            self._convert_cells(now_us)
        elif command & 0x628 == 0x228:
            self._convert_open_wire(bool(command & 0x40), now_us)
        elif command & 0x61F == 0x207:
            self._convert_self_test(command >> 5 & 3, now_us)
        elif command & 0x678 == 0x460:
            self._convert_aux(now_us)
        elif command & 0x678 == 0x468:
            self._convert_status(now_us)
        elif command == 0x711:
            self._registers["cell"][:] = 0xFFFF
            self._changed.update(_CELL_READS)
        elif command == 0x712:
            self._registers["aux"][:] = 0xFFFF
            self._changed.update(_AUX_READS)

    def _write_config(self, command: int, data: bytes) -> None:
        target = self._registers["cfga" if command == 0x001 else "cfgb"]
        reachable = self._reachable()
        for i in range(len(data) // 8):
            device = len(data) // 8 - 1 - i  # the first data shift through to the last device
            row = data[8 * i : 8 * i + 8]
            if (
                device < self.devices
                and reachable[device]
                and pec15(row[:6]) == row[6] << 8 | row[7]
            ):
                target[device] = np.frombuffer(row[:6], dtype="<u2")
                if device in self.stuck_config:
                    target[device, 2] ^= 0x0001
        self._changed.update(_CONFIG_READS)

    @property
    def any_discharge(self) -> bool:
        """Whether any switch may be closed; cheap."""
        a, b = self._registers["cfga"], self._registers["cfgb"]
        return bool(a[:, 2].any() or (b[:, 0] & 0x03F0).any())

    @property
    def discharge_masks(self) -> list[int]:
        """Discharge switches of each device, bit 0 = cell 1 (DCC1..18)."""
        a = self._registers["cfga"].view(np.uint8).astype(int)
        b = self._registers["cfgb"].view(np.uint8).astype(int)
        masks = a[:, 4] | (a[:, 5] & 0x0F) << 8 | b[:, 0] >> 4 << 12 | (b[:, 1] & 0x03) << 16
        return [int(mask) for mask in masks]

    def _finish(self, kind: str, words: Words, commands: Sequence[int], at_us: int) -> None:
        self._next[kind] = words
        self._pending = [(at_us, commands)]

    def _convert_cells(self, now_us: int) -> None:
        volts = self._pins_v.copy()
        for (device, cell), value in self.frozen_v.items():
            volts[device, cell] = value
        for device, value in self.extra_cell_v.items():
            volts[device, -1] = value
        for device, pin in self.open_wires:
            # a floating pin settles between its neighbours
            if 0 < pin < self.layout[device]:
                volts[device, pin - 1 : pin + 1] = self._pins_v[device, pin - 1 : pin + 1].mean()
        self._finish("cell", _words(volts), _CELL_READS, now_us + ADCV_US)

    def _convert_open_wire(self, pull_up: bool, now_us: int) -> None:
        volts = self._pins_v + (-PULL_CURRENT_V if pull_up else PULL_CURRENT_V)
        for device, pin in self.open_wires:
            top = self.layout[device]
            if pin == 0:
                if pull_up:
                    volts[device, 0] = 0.0
            elif pin == top:
                if not pull_up:
                    volts[device, top - 1] = 0.0
            else:  # the open pin is dragged to a neighbour: one cell reads both, one nothing
                both = self._pins_v[device, pin - 1] + self._pins_v[device, pin]
                low, high = (pin, pin - 1) if pull_up else (pin - 1, pin)
                volts[device, low], volts[device, high] = 0.0, both
        self._finish("cell", _words(np.maximum(volts, 0)), _CELL_READS, now_us + ADCV_US)

    def _convert_self_test(self, number: int, now_us: int) -> None:
        words = np.full((self.devices, CELLS), SELF_TEST.get(number, 0xFFFF), dtype=np.uint16)
        for device in self.wrong_converter:
            words[device] ^= 0x0010
        self._finish("cell", words, _CELL_READS, now_us + ADCV_US)

    def _convert_aux(self, now_us: int) -> None:
        words = np.full((self.devices, 6), 0xFFFF, dtype=np.uint16)
        ratio = ntc_ratio(self._ntc_c).reshape(self.devices, self._sensors)
        words[:, : self._sensors] = _words(ratio * VREF2_V)
        pulled = self._registers["cfga"][:, 0, None] >> np.arange(3, 8) & 1 == 0
        words[:, :5][pulled] = 0
        words[:, 5] = round(VREF2_V * 1e4)
        for device in self.wrong_reference:
            words[device, 5] = round(2.9e4)
        self._finish("aux", words, _AUX_READS, now_us + ADAX_US)

    def _convert_status(self, now_us: int) -> None:
        words = np.zeros((self.devices, 6), dtype=np.uint16)
        sums = self._pins_v.sum(axis=1)
        words[:, 0] = _words(sums * self.sum_gain / 30)
        words[:, 1] = _words((self.die_c + 276) * 7.6e-3)
        words[:, 2] = 50000  # VREG 5.0 V
        for device in self.low_supply:
            words[device, 2] = 41000
        words[:, 3] = 30000  # VREGD 3.0 V
        self._finish("stat", words, _STATUS_READS, now_us + ADSTAT_US)

    def changed(self) -> list[int]:
        """Read commands whose answers are new since the last call."""
        commands = sorted(self._changed)
        self._changed.clear()
        return commands

    def fault_changed(self) -> None:
        """Tell that dead devices or the chain's continuity changed: all answers are new."""
        self._changed.update(READS)

    def _reachable(self) -> list[bool]:
        limit = self.devices if self.broken_at is None else self.broken_at
        return [d < limit and d not in self.dead for d in range(self.devices)]

    def words(self, commands: Sequence[int]) -> Words:
        """What each read command finds, a row of three words of every device, nearest first."""
        return self._groups.take([_GROUP_OF[command] for command in commands], 0).reshape(-1, 3)

    def sent(self, commands: Sequence[int], framed: Words) -> list[bytes]:
        """How `words` arrive, with their PECs: eight bytes of every device to each command."""
        framed = framed.reshape(len(commands), self.devices, 4)
        if self._asleep:
            framed[:] = 0xFFFF
        elif self.dead or self.broken_at is not None or self.bit_error_devices:
            self._disturb(framed.view(np.uint8))
        if self.disturbed_reads:
            for i, command in enumerate(commands):
                if command in self.disturbed_reads:
                    framed[i, 0] ^= 1
        raw, size = framed.tobytes(), 8 * self.devices
        return [raw[at : at + size] for at in range(0, len(raw), size)]

    def _disturb(self, framed: NDArray[np.uint8]) -> None:
        for device, reachable in enumerate(self._reachable()):
            if not reachable:
                framed[:, device] = 0xFF
        for device, share in self.bit_error_devices.items():
            for row in framed[:, device]:
                if self._random.random() < share:
                    row[self._random.randrange(8)] ^= 1 << self._random.randrange(8)

    def transaction(self, tx: bytes, now_us: int) -> bytes:
        """A whole SPI transaction, as a bench without lockstep sees it."""
        self.tick(now_us)
        command = (tx[0] << 8 | tx[1]) & 0x7FF
        if command not in READS:
            self.write(tx, now_us)
            return b"\xff" * len(tx)
        good = tx[2] << 8 | tx[3] == pec15(tx[:2])
        if self._asleep or now_us < self._awake_us or not good:
            self.wake(now_us)
            return b"\xff" * len(tx)
        self._last_us = now_us
        return (b"\xff" * 4 + answers([(self, [command])])[0][0])[: len(tx)]


def answers(asked: Sequence[tuple[Chain, Sequence[int]]]) -> list[list[bytes]]:
    """Bytes on the wire after each chain's read commands.

    Of all chains at once: the PECs of one cost about as much as those of all.
    """
    framed = with_pec(np.concatenate([chain.words(commands) for chain, commands in asked]))
    arrived, at = [], 0
    for chain, commands in asked:
        rows = len(commands) * chain.devices
        arrived.append(chain.sent(commands, framed[at : at + rows]))
        at += rows
    return arrived
