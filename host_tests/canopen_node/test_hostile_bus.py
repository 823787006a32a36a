"""Default deny, and commands over a channel that lies: a million in `make soak`."""

import random

import pytest
from soak import SOAK

from autarky.sil.inline import InlineFirmware
from bess import objects
from bess.drivers.ltc681x import CELLS_PER_DEVICE
from bess.link import e2e
from bess.link.e2e import Checker, Sender, data_ids
from bess.link.frames import FrameCodec
from bess.topology import spread

pytestmark = pytest.mark.slow
PERIOD_MS = 100
SILENT_MS = 500
COMMANDS = 1_000_000 if SOAK else 250_000
ROUNDS = 55 if SOAK else 14
DRAWS = 1_000_000


class Wire:
    """A controller that holds what was put into it."""

    IRQ_RX = 1
    STATE_BUS_OFF = 4

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes]] = []

    def recv(self, slot):
        if not self.frames:
            return None
        slot[0], slot[1] = self.frames.pop()
        slot[2] = slot[3] = 0
        return slot


def state_of(firmware: InlineFirmware) -> tuple:
    app = firmware.app
    return (
        bytes(app.parameters.values), app.string.contactors.state, app.modes.state,
        app.modes.request_w,
        app.session.unlocked, app.node.node_id, app.node.state, app.program.state,
        app.node.lss.configuring, app.node.duplicate_id, app.node.pdo.heard_ms[0],
        list(app.node.pdo._enabled), app.restart, firmware._link.outputs,
    )  # fmt: skip


def test_random_frames_change_nothing_but_counters() -> None:
    """All 2048 identifiers, all lengths, random data: what no service allows has no effect."""
    firmware = InlineFirmware("", len(spread(5, 48, CELLS_PER_DEVICE)))
    app = firmware.app
    app.node.transmit(0)  # boot-up
    rng = random.Random(20261125)
    wire = Wire()
    before = state_of(firmware)
    unknown = app.node.unknown_frames
    now_ms = 0
    batch = []
    total = 0
    for _ in range(ROUNDS):
        for can_id in range(2048):
            for length in range(9):
                batch.append((can_id, rng.randbytes(length)))
            if len(batch) < 9:
                continue
            wire.frames, batch = batch, []
            total += len(wire.frames)
            now_ms += 10
            app.site.port.drain(wire)
            app.node.poll(now_ms)
            app.node.service(now_ms)
            app.node.transmit(now_ms)
            firmware._link.tx_count = 0
    assert total == ROUNDS * 2048 * 9
    assert state_of(firmware) == before
    assert app.node.unknown_frames - unknown > 0.99 * total
    assert app.site.port.rx_lost == 0


class Channel:
    """Sends numbered commands through errors; tells of every accepted one what it was."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.sender = Sender(data_ids(0, 5))
        self.checker = Checker(data_ids(0, 5), 3, 5)
        self.codec = FrameCodec(objects.PDO_TABLE)
        self.sent: list[bytes] = []
        self.sent_ms: list[int] = []
        self.late: list[tuple[int, int, bytes, str]] = []
        self.now_ms = 0
        self.heard_ms = 0
        self.was_silent = False
        self.accepted: set[int] = set()
        self.counts = {"accepted": 0}
        self.oldest_ms = 0

    def send(self) -> None:
        number = len(self.sent)
        frame = bytearray(8)
        # the payload is the number itself, so that an accepted frame names the one it was
        frame[1] = 0x20
        frame[2:6] = number.to_bytes(4, "little")
        self.sender.protect(frame)
        data = bytes(frame)
        self.sent.append(data)
        self.sent_ms.append(self.now_ms)
        self._disturb(number, data)
        self.now_ms += PERIOD_MS
        while self.late and self.late[0][0] <= self.now_ms:
            _, late_number, late_data, kind = self.late.pop(0)
            self._arrive(late_number, late_data, kind)

    def _disturb(self, number: int, data: bytes) -> None:
        chance = self.rng.random()
        if chance < 0.80:
            self._arrive(number, data, "clean")
        elif chance < 0.90:
            flipped = bytearray(data)
            for bit in self.rng.sample(range(64), self.rng.randint(1, 3)):
                flipped[bit >> 3] ^= 1 << (bit & 7)
            self._arrive(number, bytes(flipped), "bit errors")
        elif chance < 0.93:
            self._arrive(number, data, "clean")
            self._arrive(number, data, "repeat")
        elif chance < 0.96:
            self._count("dropped")
        else:
            delay_ms = self.rng.randint(1, 1200)
            kind = "delayed" if delay_ms > PERIOD_MS else "reordered"
            self.late.append((self.now_ms + delay_ms, number, data, kind))
            self.late.sort(key=lambda item: item[0])

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def _arrive(self, number: int, data: bytes, kind: str) -> None:
        silent = self.now_ms - self.heard_ms >= SILENT_MS
        if silent and not self.was_silent:
            self.checker.restart()  # as the application does when a silence begins
        self.was_silent = silent
        verdict = self.checker.check(data, 8)
        self._count(f"{kind}: {e2e_name(verdict)}")
        if verdict != e2e.OK:
            return
        self.heard_ms = self.now_ms
        self.was_silent = False
        assert data == self.sent[number], f"{kind} frame {number} was accepted changed"
        assert number not in self.accepted, f"frame {number} was accepted twice"
        self.accepted.add(number)
        self.counts["accepted"] += 1
        self.oldest_ms = max(self.oldest_ms, self.now_ms - self.sent_ms[number])


def e2e_name(verdict: int) -> str:
    names = ("ok", "wrong CRC", "wrong length", "repeated", "wrong step", "resynchronising")
    return names[verdict]


def test_commands_over_a_lying_channel(capsys) -> None:
    """None changed, none twice, none older than the window; the count of each detection shown."""
    channel = Channel(7)
    for _ in range(COMMANDS):
        channel.send()
    with capsys.disabled():
        print()
        for what, count in sorted(channel.counts.items()):
            print(f"  {what}: {count}")
    assert channel.oldest_ms < SILENT_MS
    assert channel.counts["accepted"] > 0.3 * COMMANDS
    for kind in ("bit errors: wrong CRC", "repeat: repeated", "delayed: wrong step"):
        assert channel.counts[kind] > 1000
    assert "bit errors: ok" not in channel.counts
    assert "repeat: ok" not in channel.counts


def test_random_payloads_pass_the_crc_with_at_most_1_in_256() -> None:
    """And the counter rule is still applied to those that do."""
    rng = random.Random(3)
    checker = Checker(data_ids(0, 5), 3, 5)
    verdicts = [0] * 6
    for _ in range(DRAWS):
        verdicts[checker.check(rng.randbytes(8), 8)] += 1
    passed = DRAWS - verdicts[e2e.WRONG_CRC]
    assert passed / DRAWS < 1 / 256 * 1.05  # 3 sigma of a million draws
    assert verdicts[e2e.WRONG_STEP] > 0.5 * passed
    assert verdicts[e2e.OK] == 0
