"""One CAN bus in virtual time: arbitration, the bus held bit by bit, filters, faults."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from autarky.bus.timing import EXTENDED, arbitration_key, frame_bits


class Sent(NamedTuple):
    """A frame that has passed over the bus.

    `end_us` is the end of its intermission, `ready_us` when its sender wanted to send it.
    """

    end_us: int
    can_id: int
    data: bytes
    sender: int
    ready_us: int


@dataclass
class BusFault:
    """What happens to matching frames: drop, corrupt, duplicate or delay.

    matches: predicate of (can_id, sender); probability of each; `remaining` counts down
    where it is not None. corrupt flips one to `bits` random bits past the CAN CRC, as a faulty
    gateway or memory would.
    """

    kind: str
    matches: Callable[[int, int], bool]
    probability: float = 1.0
    remaining: int | None = None
    delay_us: int = 0
    bits: int = 3


@dataclass
class BusStatistics:
    """What passed: frames, bits, and the longest wait from ready to the end of the frame."""

    frames: int = 0
    bits: int = 0
    worst_latency_us: int = 0
    dropped: int = 0
    by_id: dict[int, int] = field(default_factory=dict)


class Bus:
    """A bus with numbered ports; `send` queues, `advance` lets time pass.

    Frames of one instant are ordered by identifier, then by port, then by order of sending:
    two runs give the same order.
    """

    def __init__(self, bitrate: int = 500_000, seed: int = 0) -> None:
        self.bitrate = bitrate
        self.faults: list[BusFault] = []
        self.statistics = BusStatistics()
        self._random = random.Random(seed)
        self._bit_ns = 1_000_000_000 // bitrate
        self._free_ns = 0
        self._ready: list[tuple[int, int, int, int, int, bytes]] = []
        self._future: list[tuple[int, int, int, int, bytes]] = []
        self._sequence = 0
        self._filters: list[list[tuple[int, int]] | None] = []
        self._recipients: dict[int, list[int]] = {}
        self.off: set[int] = set()  # ports that are bus-off: neither send nor receive
        self.shorted: set[int] = set()  # ports that fall bus-off again when they restart
        self._other_rate: set[int] = set()
        self._delayed: set[tuple[int, int, int]] = set()  # (ready us, sender, id): once is enough

    def attach(self, filters: Iterable[tuple[int, int]] | None = None) -> int:
        """Add a port; without filters it receives everything. Returns its number."""
        self._filters.append(None if filters is None else list(filters))
        self._recipients.clear()
        return len(self._filters) - 1

    def set_filters(self, port: int, filters: Iterable[tuple[int, int]]) -> None:
        """Acceptance filters (id, mask) of a port, standard frames only; () accepts none."""
        self._filters[port] = list(filters)
        self._recipients.clear()

    def fail(self, port: int) -> None:
        """A short at a port: bus-off until `repair` and the node's own restart."""
        self.off.add(port)
        self.shorted.add(port)

    def repair(self, port: int) -> None:
        """The short is gone; the node must still restart its controller."""
        self.shorted.discard(port)

    def restart(self, port: int) -> None:
        """A node restarts its controller after bus-off."""
        if port not in self.shorted:
            self.off.discard(port)

    def set_bit_rate(self, port: int, bitrate: int) -> None:
        """A node at another bit rate than the bus neither understands nor is understood."""
        if bitrate == self.bitrate:
            self._other_rate.discard(port)
        else:
            self._other_rate.add(port)

    def is_cut_off(self, port: int) -> bool:
        """Neither sends nor receives: bus-off, or another bit rate."""
        return port in self.off or port in self._other_rate

    def recipients(self, can_id: int) -> list[int]:
        """Ports whose filters accept an identifier."""
        known = self._recipients.get(can_id)
        if known is None:
            known = [p for p, f in enumerate(self._filters) if _accepts(f, can_id)]
            self._recipients[can_id] = known
        return known

    def send(self, port: int, can_id: int, data: bytes, ready_us: int) -> None:
        """Queue a frame that is ready at a time, at or after the end of the last `advance`."""
        if port in self.off or port in self._other_rate:
            self.statistics.dropped += 1
            return
        self._sequence += 1
        heappush(self._future, (ready_us * 1000, self._sequence, port, can_id, data))

    def advance(self, until_us: int) -> list[Sent]:
        """Let the bus work until a time; returns the frames that ended by then, in order."""
        until_ns = until_us * 1000
        now_ns = self._free_ns
        ready, future = self._ready, self._future
        if not ready and (not future or future[0][0] >= until_ns):
            return []  # most buses of a site in most ticks
        statistics, by_id = self.statistics, self.statistics.by_id
        bit_ns = self._bit_ns
        out: list[Sent] = []
        while True:
            while future and future[0][0] <= now_ns:
                at_ns, sequence, port, can_id, data = heappop(future)
                key = arbitration_key(can_id)
                heappush(ready, (key, port, sequence, at_ns, can_id, data))
            if not ready:
                if not future or future[0][0] >= until_ns:
                    break
                now_ns = future[0][0]
                continue
            bits = frame_bits(ready[0][4], ready[0][5])
            end_ns = now_ns + bits * bit_ns
            if end_ns > until_ns:
                break  # in flight: it ends in the next call, nothing can overtake it
            _, port, _, at_ns, can_id, data = heappop(ready)
            # nodes that send the same bits at the same time do not notice each other: one frame
            while ready and ready[0][4] == can_id and ready[0][1] != port and ready[0][5] == data:
                heappop(ready)
            now_ns = end_ns
            statistics.frames += 1
            statistics.bits += bits
            by_id[can_id] = by_id.get(can_id, 0) + 1
            if (latency_us := (end_ns - at_ns) // 1000) > statistics.worst_latency_us:
                statistics.worst_latency_us = latency_us
            sent = Sent(end_ns // 1000, can_id, data, port, at_ns // 1000)
            if self.faults:
                out.extend(self._disturb(sent))
            else:
                out.append(sent)
        self._free_ns = now_ns
        return out

    def load(self, elapsed_us: int) -> float:
        """Share of the time the bus was held, 0..1."""
        if elapsed_us <= 0:
            return 0.0
        return self.statistics.bits * self._bit_ns / 1000 / elapsed_us

    def _disturb(self, sent: Sent) -> list[Sent]:
        held = sent.ready_us, sent.sender, sent.can_id
        if held in self._delayed:
            self._delayed.discard(held)
            return [sent]
        for fault in self.faults:
            if fault.remaining == 0 or not fault.matches(sent.can_id, sent.sender):
                continue
            if self._random.random() >= fault.probability:
                continue
            if fault.remaining is not None:
                fault.remaining -= 1
            if fault.kind == "drop":
                self.statistics.dropped += 1
                return []
            if fault.kind == "duplicate":
                return [sent, sent]
            if fault.kind == "corrupt":
                return [sent._replace(data=self._corrupt(sent.data, fault.bits))]
            if fault.kind == "delay":
                ready_us = sent.end_us + fault.delay_us
                self._delayed.add((ready_us, sent.sender, sent.can_id))
                self.send(sent.sender, sent.can_id, sent.data, ready_us)
                return []
            raise ValueError(f"{fault.kind!r} is no bus fault: drop, corrupt, duplicate or delay")
        return [sent]

    def _corrupt(self, data: bytes, bits: int) -> bytes:
        value = bytearray(data)
        count = self._random.randint(1, bits)
        for bit in self._random.sample(range(8 * len(value)), min(count, 8 * len(value))):
            value[bit >> 3] ^= 1 << (bit & 7)
        return bytes(value)


def _accepts(filters: list[tuple[int, int]] | None, can_id: int) -> bool:
    if filters is None:
        return True
    if can_id & EXTENDED:
        return False
    return any((can_id ^ identifier) & mask == 0 for identifier, mask in filters)
