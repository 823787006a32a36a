"""Supply, multimeter and cell emulator that speak SCPI, over PyVISA with pyvisa-py.

Supply: Keysight N6900/N7900 Series Operating and Service Guide, chapter 6 (the same words in
N6700C and RP7900): OUTPut:PROTection:WDOG disables the output when no SCPI message came for
OUTPut:PROTection:WDOG:DELay, 1 to 3600 s there; the output is latched off while its programmed
state stays, bit 11 of STATus:QUEStionable:CONDition? tells of it (p. 287),
OUTPut:PROTection:CLEar ends it. Cell emulator: the words of Bloomy's ABS, from
BloomyControls/abs-scpi-driver, src/ScpiClient_Cells.cpp. Every setting is followed by
SYSTem:ERRor?, and every switching is read back.
"""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from autarky.rig.instruments import InstrumentError

_ANSWER_S = 2.0  # a thousand times what an instrument on this machine takes
_TERMINATION = "\n"
_UNDEFINED_HEADER = -113  # SCPI 1999, 21.8.9: the instrument does not know the words
_UNREGULATED = 1 << 10  # bit of the questionable status that says nothing of being off
_CELLS_A_LINE = 32


_making = threading.Lock()


def manager() -> Any:
    """PyVISA's, without a vendor's library; it is one for all, and half of one for the second who
    asks while it is being made."""
    import pyvisa

    with _making:
        return pyvisa.ResourceManager("@py")


def _send_at_once(session: Any) -> None:
    """Without it a question that follows a setting waits 40 ms for the setting's acknowledgement;
    the attribute of VISA for it does nothing in pyvisa-py 0.8."""
    inner = session.visalib.sessions.get(session.session)
    connection = getattr(inner, "interface", None)
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class ScpiLink:
    """Question and answer with one instrument, from any thread. Raises InstrumentError.

    After one that was not answered it is closed for good: a late answer would be taken for that
    of the next question (findings/pyvisa_py_end_of_late_answer_is_the_next.sh).
    """

    def __init__(self, name: str, resource: str) -> None:
        self.name = name
        self.resource = resource
        self._lock = threading.RLock()
        try:
            self._session = manager().open_resource(
                resource, open_timeout=round(_ANSWER_S * 1000),
                read_termination=_TERMINATION, write_termination=_TERMINATION,
                timeout=round(_ANSWER_S * 1000),
            )  # fmt: skip
            _send_at_once(self._session)
        except Exception as error:  # pyvisa-py has no class of its own for what does not open
            raise self._silent(error) from error

    def _silent(self, error: Exception) -> InstrumentError:
        return InstrumentError(
            f"the {self.name} at {self.resource} does not answer ({error}): is it on, its cable "
            "in, its address right?"
        )

    def _asked(self, call: Callable[[str], Any], words: str) -> Any:
        import pyvisa

        with self._lock:
            try:
                return call(words)
            except (pyvisa.Error, OSError) as error:
                self.close()
                raise self._silent(error) from error

    def ask(self, words: str) -> str:
        """The answer to a query."""
        return self._asked(self._session.query, words).strip()

    def number(self, words: str) -> float:
        answer = self.ask(words)
        try:
            return float(answer)
        except ValueError:
            raise InstrumentError(
                f"the {self.name} answers {words} with {answer!r} where a number belongs: is "
                "it the instrument that rig.yaml says?"
            ) from None

    def numbers(self, words: str) -> list[float]:
        try:
            return [float(part) for part in self.ask(words).split(",")]
        except ValueError:
            raise InstrumentError(f"the {self.name} answers {words} with no list") from None

    def try_to_tell(self, words: str) -> int:
        """A setting; the number of the error that the instrument has with it, 0 is none."""
        with self._lock:
            self._asked(self._session.write, words)
            return self._errors(words)

    def _errors(self, words: str) -> int:
        number, _, self._said = self.ask("SYST:ERR?").partition(",")
        try:
            return int(number)
        except ValueError:
            raise InstrumentError(f"the {self.name} gives no error number for {words}") from None

    def tell(self, words: str) -> None:
        """A setting that must be taken."""
        if number := self.try_to_tell(words):
            raise InstrumentError(
                f"the {self.name} refuses {words[:60]}: {number}, {self._said.strip()}"
            )

    def switched(self, words: str, on: bool, where: str = "") -> None:
        """An output that must be where it was put, everywhere. where: the channels."""
        self.tell(f"{words} {int(on)}{',' + where if where else ''}")
        states = self.numbers(f"{words}?{' ' + where if where else ''}")
        if any(bool(state) != on for state in states):
            raise InstrumentError(
                f"the output of the {self.name} stays {'off' if on else 'ON'}: "
                f"{'look at its panel' if on else 'switch it off by hand'}"
            )

    def close(self) -> None:
        self._session.close()


class ScpiSupply:
    """The controller's supply."""

    def __init__(self, resource: str) -> None:
        self._link = ScpiLink("supply", resource)
        self._on = False

    def idn(self) -> str:
        return self._link.ask("*IDN?")

    def set(self, volts: float, amps: float) -> None:
        self._link.tell(f"VOLT {volts:.4f}")
        self._link.tell(f"CURR {amps:.4f}")

    def output(self, on: bool) -> None:
        if on:
            self._link.tell("OUTP:PROT:CLE")  # what its watchdog has latched
        self._on = False  # while it changes nothing can be said of it
        self._link.switched("OUTP", on)
        self._on = on

    def measure(self) -> tuple[float, float]:
        return self._link.number("MEAS:VOLT?"), self._link.number("MEAS:CURR?")

    def arm(self, seconds: float) -> bool:
        """False too where its shortest time is longer than that: it is armed with the shortest."""
        if self._link.try_to_tell("OUTP:PROT:WDOG OFF") == _UNDEFINED_HEADER:
            return False
        least = self._link.number("OUTP:PROT:WDOG:DEL? MIN")
        wanted = max(seconds, least)
        if least >= 1:  # whole seconds
            wanted = math.ceil(wanted)
        self._link.tell(f"OUTP:PROT:WDOG:DEL {wanted:g}")
        taken = self._link.number("OUTP:PROT:WDOG:DEL?")
        self._link.tell("OUTP:PROT:WDOG ON")
        return taken <= seconds + 1e-6

    def feed(self) -> None:
        """Any message is one to its watchdog; this one asks whether it is still on."""
        status = int(self._link.number("STAT:QUES:COND?")) & ~_UNREGULATED
        if status and self._on:
            raise InstrumentError(
                f"the supply has switched its output off by itself (questionable status {status}): "
                "its watchdog, or too much current; look for what kept the host busy, or for a "
                "short"
            )

    def close(self) -> None:
        self._link.close()


class ScpiMeter:
    """A multimeter that measures DC volts."""

    def __init__(self, resource: str) -> None:
        self._link = ScpiLink("meter", resource)

    def idn(self) -> str:
        return self._link.ask("*IDN?")

    def volts(self) -> float:
        return self._link.number("MEAS:VOLT:DC?")

    def close(self) -> None:
        self._link.close()


class ScpiCells:
    """A cell emulator with one address for all its channels; cells that do not change are not
    told again."""

    def __init__(self, resource: str, channels: int) -> None:
        self._link = ScpiLink("cell emulator", resource)
        self._channels = channels
        self._told: list[str] = [""] * channels

    @property
    def _all(self) -> str:
        return f"(@1:{self._channels})"

    def idn(self) -> str:
        return self._link.ask("*IDN?")

    def set_cells(self, volts: Sequence[float]) -> None:
        wanted = [f"{value:.4f}" for value in volts]
        if len(wanted) > self._channels:
            raise InstrumentError(
                f"the cell emulator has {self._channels} channels, and {len(wanted)} cells were "
                "asked for: correct channels in rig.yaml, or the cells of the cabinet"
            )
        changed = [i for i, text in enumerate(wanted) if text != self._told[i]]
        for at in range(0, len(changed), _CELLS_A_LINE):
            part = changed[at : at + _CELLS_A_LINE]
            self._link.tell(";".join(f":SOUR{i + 1}:VOLT {wanted[i]}" for i in part))
            for i in part:
                self._told[i] = wanted[i]

    def measure_cells(self) -> list[float]:
        return self._link.numbers(f"MEAS:VOLT? {self._all}")

    def output(self, on: bool) -> None:
        self._link.switched("OUTP", on, self._all)

    def close(self) -> None:
        self._link.close()
