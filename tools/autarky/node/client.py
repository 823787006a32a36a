"""Cabinets by names instead of indices: what the `autarky node` commands are made of."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from typing import Any

import can
import canopen
import canopen.lss
from canopen.objectdictionary import ODVariable
from canopen.sdo.exceptions import SdoAbortedError, SdoCommunicationError

from autarky.node.aborts import meaning
from autarky.node.names import NodeError, dictionary, find
from autarky.node.unlock import unlock
from autarky.tables import LEVELS, fault_names
from bess import modes
from bess.control import contactors, hot_swap, thermal

_LISTEN_S = 3.0
_INCOMPATIBLE = 0x06040043  # CiA 301: the parameters contradict each other
_CHOICES = {
    "state": modes.NAMES.decode().split(),
    "contactors.state": contactors.STATE_NAMES.decode().split(),
    "thermal.mode": thermal.MODE_NAMES.decode().split(), "fault.worst_level": LEVELS,
    "removal.stage": hot_swap.STAGE_NAMES.decode().split(),
    "removal.lamp": hot_swap.LAMP_NAMES.decode().split(),
}  # fmt: skip
_KEY_HINTS = {
    0x06010000: "it is the wrong one; the next try must wait, longer each time",
    0x08000022: "after a wrong key it takes none for a while: read session.wait",
}
# abort codes of a server that knows nothing of the transfer: unknown command, toggle bit
_CUT = (0x05040001, 0x05030000)
_CUT_TRIES = 3
_SILENCE = "No SDO response"  # canopen has one class for this and for an answer that does not fit

# A cabinet answers within two ticks. An answer that comes late, on a busy machine, is a wrong bit:
# the scan then ends without a cabinet, and is done again with more patience.
_LSS_ANSWER_S = (0.1, 0.5, 3.0)
_LSS_TAKES_S = 10.0  # for what must be answered: a new id, which is stored first


def _has_no_data(error: Exception) -> bool:
    """Nothing is there to read: not measured yet, or its sensor has fallen silent."""
    return isinstance(error, SdoAbortedError) and error.code == 0x08000024


@dataclass(frozen=True)
class Reading:
    """A value that was read: raw as on the bus (None: not known), `shown` with its unit."""

    name: str
    raw: Any
    shown: str

    @property
    def value(self) -> Any:
        """In the unit of its name; raw where it has none."""
        variable = find(self.name)
        if not variable.unit or not isinstance(self.raw, int):
            return self.raw
        return float(f"{self.raw * variable.factor:.10g}")


class _Ended(can.Listener):
    """Takes the end of the bus from the reading thread; the next request says it in a sentence."""

    def on_message_received(self, msg: can.Message) -> None:
        """Everything is canopen's."""

    def on_error(self, exc: Exception) -> None:
        """Nothing to do: requests time out and tell."""


class Client:
    """A canopen network on a python-can bus; use as a context manager.

    Raises NodeError where a cabinet refuses or stays silent, can.CanError where the bus is
    not there.
    """

    def __init__(self, interface: str, channel: str) -> None:
        self.network = canopen.Network()
        self.network.listeners.append(_Ended())  # pyright: ignore[reportArgumentType]
        try:
            self.network.connect(interface=interface, channel=channel)
        except TypeError as error:
            raise NodeError(f"interface {interface!r} needs more than a channel: {error}") from None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.network.disconnect()

    def node(self, node_id: int) -> canopen.RemoteNode:
        if node_id not in self.network:
            node = self.network.add_node(node_id, dictionary())
            node.sdo.RESPONSE_TIMEOUT = 5.0
        return self.network[node_id]  # pyright: ignore[reportReturnType]

    def _guard(self, node_id: int, what: str, error: Exception) -> NodeError:
        if isinstance(error, SdoAbortedError):
            return NodeError(f"cabinet {node_id} refused {what}: {meaning(error.code)}")
        return NodeError(f"cabinet {node_id} does not answer; `autarky node list` shows who does")

    def _upload(self, node_id: int, variable: ODVariable) -> bytes:
        """Asked again where a restart cut the answer in two, or a late answer came instead."""
        sdo = self.node(node_id).sdo
        for _ in range(_CUT_TRIES):
            try:
                return sdo.upload(variable.index, variable.subindex)
            except SdoAbortedError as error:
                if error.code not in _CUT:
                    raise
            except SdoCommunicationError as error:
                if _SILENCE in str(error):
                    raise
        return sdo.upload(variable.index, variable.subindex)

    def read(self, node_id: int, name: str) -> Reading:
        """One value by name."""
        variable = find(name)
        try:
            data = self._upload(node_id, variable)
        except (SdoAbortedError, SdoCommunicationError) as error:
            if _has_no_data(error):
                return Reading(name, None, "not known")
            raise self._guard(node_id, f"to read {name}", error) from error
        raw: Any = variable.decode_raw(data)
        if isinstance(raw, bytes | bytearray):
            return Reading(name, raw.hex(), raw.hex())
        if name == "fault.worst":
            return Reading(name, raw, fault_names().get(raw, "none"))
        choices = LEVELS if name.startswith("fault.") else _CHOICES.get(name)
        if choices is not None and raw < len(choices):
            return Reading(name, raw, choices[raw])
        if isinstance(raw, str) or not variable.unit:
            return Reading(name, raw, str(raw))
        return Reading(name, raw, f"{raw * variable.factor:.10g} {variable.unit}")

    def write(self, node_id: int, name: str, value: int) -> Reading:
        """Write a raw integer by name; returns what reads back."""
        variable = find(name)
        if not variable.writable:
            raise NodeError(f"{name} can only be read")
        low, high = variable.min, variable.max
        if low is not None and high is not None and not low <= value <= high:
            raise NodeError(f"{name} is {value}, allowed are {low}..{high}")
        try:
            data = variable.encode_raw(value)
        except (struct.error, OverflowError):
            raise NodeError(f"{value} does not fit the type of {name}") from None
        try:
            self.node(node_id).sdo.download(variable.index, variable.subindex, data)
        except (SdoAbortedError, SdoCommunicationError) as error:
            raise self._guard(node_id, f"to write {name}", error) from error
        return self.read(node_id, name)

    def unlock(self, node_id: int, key: bytes) -> None:
        """Open the session for writing."""
        try:
            unlock(self.node(node_id), key)
        except (SdoAbortedError, SdoCommunicationError) as error:
            if isinstance(error, SdoAbortedError):
                text = _KEY_HINTS.get(error.code) or meaning(error.code)
                raise NodeError(f"cabinet {node_id} did not take the key: {text}") from None
            raise self._guard(node_id, "the key", error) from error

    def store(self, node_id: int) -> None:
        """Keep all parameters over a loss of power."""
        try:
            self.node(node_id).store()
        except (SdoAbortedError, SdoCommunicationError) as error:
            if isinstance(error, SdoAbortedError) and error.code == _INCOMPATIBLE:
                why = self.read(node_id, "parameters.conflict").raw
                raise NodeError(
                    f"cabinet {node_id} stored nothing: {why}. What was written stands unstored "
                    "until it is corrected or the cabinet starts anew"
                ) from None
            raise self._guard(node_id, "to store", error) from error

    def domain(self, node_id: int, index: int) -> bytes:
        """A DOMAIN by block upload."""
        try:
            with self.node(node_id).sdo.open(index, 0, "rb", block_transfer=True) as source:
                content: Any = source.read()
                return bytes(content)
        except (SdoAbortedError, SdoCommunicationError) as error:
            if _has_no_data(error):
                return b""
            raise self._guard(node_id, f"object 0x{index:04X}", error) from error

    def listen(self, seconds: float = _LISTEN_S) -> dict[int, str]:
        """Node ids whose heartbeat was heard, with their NMT state."""
        states = {0: "boot-up", 4: "stopped", 5: "operational", 127: "pre-operational"}
        heard: dict[int, str] = {}

        def beat(can_id: int, data: bytearray, stamp: float) -> None:
            if len(data) == 1:
                heard[can_id - 0x700] = states.get(data[0] & 0x7F, f"state {data[0]}")

        for node_id in range(1, 128):
            self.network.subscribe(0x700 + node_id, beat)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.network.check()
            time.sleep(0.05)
        for node_id in range(1, 128):
            self.network.unsubscribe(0x700 + node_id, beat)
        return dict(sorted(heard.items()))

    def leave_configuration(self) -> None:
        """Every cabinet back to the LSS waiting state, so that the next scan can find it."""
        self.network.lss.send_switch_state_global(self.network.lss.WAITING_STATE)

    def fastscan(self) -> list[int] | None:
        """Identity of one cabinet without a node id, left in LSS configuration state, or None."""
        lss = self.network.lss
        try:
            for lss.RESPONSE_TIMEOUT in _LSS_ANSWER_S:
                self.leave_configuration()
                found, identity = lss.fast_scan()
                if found:
                    return identity
        finally:
            lss.RESPONSE_TIMEOUT = _LSS_TAKES_S
        return None

    def assign(self, node_id: int) -> None:
        """Give the cabinet that fastscan selected an id, stored over a loss of power."""
        lss = self.network.lss
        try:
            lss.configure_node_id(node_id)
            lss.store_configuration()
        except canopen.lss.LssError as error:
            raise NodeError(f"the cabinet did not take node id {node_id}: {error}") from error
        finally:
            self.leave_configuration()
