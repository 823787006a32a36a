"""The buses of a virtual site: who hangs on them, and how frames come and go each tick."""

from __future__ import annotations

from dataclasses import dataclass, field

from autarky.bus.bus import Bus, Sent
from autarky.coordinator.segment import Frame
from autarky.paths import wire
from autarky.plant import chiller, iso165c, ivt_s
from autarky.plant.pcs import COMMAND_ID, STATUS_ID
from autarky.sil.firmware import Done, pack_frame
from autarky.sil.plants import Plants
from autarky.sil.site_config import Face

CABINET_BIT_RATE = 500_000
_RX_MAX = wire.RX_FRAMES_MAX // 2  # what a controller's queue takes in 10 ms
_SENSOR_OFFSET_US = 200  # the sensor is not in phase with the controller
_PCS_OFFSET_US = 4000
_CHILLER_OFFSET_US = 7000
_FOR_PLANTS = {COMMAND_ID, ivt_s.COMMAND_ID, iso165c.REQUEST_ID, chiller.COMMAND_ID}


class SegmentBus:
    """One CAN segment of the site: the coordinator and its cabinets on a bus."""

    def __init__(self, channel: str, bit_rate: int, seed: int) -> None:
        self.channel = channel
        self.bus = Bus(bit_rate, seed)
        self.port = self.bus.attach()  # the coordinator's
        self.received: list[Frame] = []  # by the coordinator, since the last tick
        self._cabinets: dict[int, VirtualCabinet] = {}

    def attach(self, cabinet: VirtualCabinet) -> int:
        port = self.bus.attach(())
        self._cabinets[port] = cabinet
        return port

    def take_received(self) -> list[Frame]:
        """What the coordinator has heard since it last asked."""
        received, self.received = self.received, []
        return received

    def carry(self, until_us: int) -> list[Sent]:
        """Let frames pass until then, and deliver them."""
        sent = self.bus.advance(until_us)
        for _, can_id, data, sender, _ in sent:
            record = pack_frame(can_id, data)
            for port in self.bus.recipients(can_id):
                if port == sender or self.bus.is_cut_off(port):
                    continue
                if port == self.port:
                    self.received.append((can_id, data))
                elif port in self._cabinets:
                    self._cabinets[port].hear_site(record)
        return sent


@dataclass
class VirtualCabinet:
    """The host's side of one cabinet: its firmware, its place on the site, its own bus.

    number: its own on the whole site, its node id where there is one segment.
    """

    index: int
    node_id: int
    number: int
    segment: SegmentBus
    bus: Bus
    site_port: int = -1
    bus_ports: tuple[int, int, int] = (-1, -1, -1)  # controller, sensor, PCS
    firmware: Face | None = None
    site_rx: list[bytes] = field(default_factory=list)
    rx: list[bytes] = field(default_factory=list)
    groups: list[tuple[int, bytes]] = field(default_factory=list)
    skew_ms: int = 0  # its clock against the site's
    dark: bool = False  # its control supply is away
    cause: str = "power"  # of its newest reset
    started_s: float = 0.0  # on the wall
    filters: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bus_ports = (self.bus.attach(()), self.bus.attach(()), self.bus.attach(()))
        self.site_port = self.segment.attach(self)

    def hear_site(self, record: bytes) -> None:
        """A packed frame of the site's bus; one that finds no room is lost."""
        if len(self.site_rx) < _RX_MAX:
            self.site_rx.append(record)

    def forget(self) -> None:
        """Nothing waits for its firmware."""
        self.site_rx, self.rx, self.groups = [], [], []

    @property
    def bus_flags(self) -> int:
        """What the TICK says of its controllers."""
        flags = 0
        if self.site_port in self.segment.bus.off:
            flags |= wire.TICK_BUS_OFF << wire.BUS_SITE
        if self.bus_ports[0] in self.bus.off:
            flags |= wire.TICK_BUS_OFF << wire.BUS_CABINET
        return flags

    def _controller(self, number: int) -> tuple[Bus, int]:
        if number == wire.BUS_SITE:
            return self.segment.bus, self.site_port
        return self.bus, self.bus_ports[0]

    def send(self, done: Done, now_us: int) -> None:
        """What its firmware gives to its CAN controllers: frames, filters, controls."""
        for number, can_id, data in done.frames:
            if number in (wire.BUS_SITE, wire.BUS_CABINET):
                bus, port = self._controller(number)
                bus.send(port, can_id, data, now_us)
            elif number & wire.BUS_FILTER:
                self._filter(number & ~wire.BUS_FILTER, can_id, data)
            else:
                self._control(number & ~wire.BUS_CONTROL, can_id, data)

    def _filter(self, number: int, can_id: int, data: bytes) -> None:
        filters = self.filters.setdefault(number, [])
        if data:
            filters.append((can_id, int.from_bytes(data, "little")))
        else:
            filters.clear()
        bus, port = self._controller(number)
        bus.set_filters(port, filters)

    def _control(self, number: int, what: int, data: bytes) -> None:
        bus, port = self._controller(number)
        if what == wire.CONTROL_RESTART:
            bus.restart(port)
        elif what == wire.CONTROL_BIT_RATE:
            bus.set_bit_rate(port, int.from_bytes(data, "little"))

    def send_sensors(self, plants: Plants, now_ms: int) -> None:
        """What sensor, PCS and insulation monitor say on the cabinet's bus in this tick."""
        i, at_us = self.index, now_ms * 1000
        values = (
            plants.current_a[i], plants.string_v[i], plants.outer_plus_v[i],
            plants.outer_minus_v[i],
        )  # fmt: skip
        _, sensor_port, pcs_port = self.bus_ports
        send = self.bus.send
        for can_id, data in plants.sensors[i].results(now_ms, values):
            send(sensor_port, can_id, data, at_us + _SENSOR_OFFSET_US)
        status = plants.faces[i].status(
            now_ms, plants.pcs_state[i], plants.pcs_power_w[i], plants.link_v[i], 0
        )
        if status is not None:
            send(pcs_port, STATUS_ID, status, at_us + _PCS_OFFSET_US)
        info = plants.monitors[i].info(now_ms)
        if info is not None:
            send(sensor_port, iso165c.INFO_ID, info, at_us + _SENSOR_OFFSET_US)
        unit = plants.chillers[i]
        told = unit.status(now_ms) if unit is not None else None
        if told is not None:
            send(pcs_port, chiller.STATUS_ID, told, at_us + _CHILLER_OFFSET_US)

    def carry(self, until_us: int, plants: Plants) -> list[Sent]:
        """Let frames pass on its own bus until then, to firmware, PCS and sensors."""
        bus, controller, rx = self.bus, self.bus_ports[0], self.rx
        sent = bus.advance(until_us)
        deaf = bus.is_cut_off(controller)
        for _, can_id, data, sender, _ in sent:
            if can_id in _FOR_PLANTS:
                self._to_plants(plants, can_id, data, until_us)
            if sender == controller or deaf or len(rx) >= _RX_MAX:
                continue
            if controller in bus.recipients(can_id):
                rx.append(pack_frame(can_id, data))
        return sent

    def _to_plants(self, plants: Plants, can_id: int, data: bytes, until_us: int) -> None:
        i, response, response_id = self.index, None, 0
        if can_id == COMMAND_ID:
            plants.faces[i].command(data, until_us // 1000)
        elif can_id == ivt_s.COMMAND_ID:
            response, response_id = plants.sensors[i].command(data), ivt_s.RESPONSE_ID
        elif can_id == iso165c.REQUEST_ID:
            response, response_id = plants.monitors[i].answer(data), iso165c.RESPONSE_ID
        elif (unit := plants.chillers[i]) is not None:
            unit.command(data, until_us // 1000)
        if response is not None:
            self.bus.send(self.bus_ports[1], response_id, response, until_us)
