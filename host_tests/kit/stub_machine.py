"""A `machine` module made from a MicroPython stub package: it takes only what that port has.

Every call is bound against the signatures of machine.pyi (any overload), every constant and
function must stand there. What the calls do is small and ours: pins keep levels, SPI reaches
chip models by their chip select, backup memory is bytes.
"""

from __future__ import annotations

import ast
import inspect
from array import array
from types import ModuleType, SimpleNamespace
from typing import Any

from autarky.paths import ROOT

STUBS = ROOT / ".venv" / "stubs"
_KINDS = inspect.Parameter


def signature_of(node: ast.FunctionDef, skip_self: bool) -> inspect.Signature:
    arguments = node.args
    parameters = []
    positional = arguments.posonlyargs + arguments.args
    first_default = len(positional) - len(arguments.defaults)
    for number, argument in enumerate(positional):
        if skip_self and number == 0:
            continue
        only = number < len(arguments.posonlyargs)
        parameters.append(
            _KINDS(
                argument.arg,
                _KINDS.POSITIONAL_ONLY if only else _KINDS.POSITIONAL_OR_KEYWORD,
                default=None if number >= first_default else _KINDS.empty,
            )
        )
    if arguments.vararg:
        parameters.append(_KINDS(arguments.vararg.arg, _KINDS.VAR_POSITIONAL))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        empty = _KINDS.empty if default is None else None
        parameters.append(_KINDS(argument.arg, _KINDS.KEYWORD_ONLY, default=empty))
    if arguments.kwarg:
        parameters.append(_KINDS(arguments.kwarg.arg, _KINDS.VAR_KEYWORD))
    return inspect.Signature(parameters)


class StubClass:
    """Names of one class of the stub."""

    def __init__(self, node: ast.ClassDef) -> None:
        self.name = node.name
        self.methods: dict[str, list[inspect.Signature]] = {}
        self.constants: dict[str, int] = {}
        for item in node.body:
            if isinstance(item, ast.FunctionDef):
                self.methods.setdefault(item.name, []).append(signature_of(item, True))
            elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                value = item.value.value if isinstance(item.value, ast.Constant) else None
                self.constants[item.target.id] = value if isinstance(value, int) else 0

    def check(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raises AttributeError or TypeError for a call that the port does not have."""
        if method not in self.methods:
            raise AttributeError(f"machine.{self.name} has no {method}")
        for signature in self.methods[method]:
            try:
                signature.bind(*args, **kwargs)
                return
            except TypeError:
                continue
        raise TypeError(f"machine.{self.name}.{method} does not take {args} {kwargs}")


class Stub:
    """machine.pyi of one port: `classes`, `functions`, `constants`."""

    def __init__(self, port: str) -> None:
        path = STUBS / port / "machine.pyi"
        tree = ast.parse(path.read_text(encoding="utf-8"))
        self.classes = {n.name: StubClass(n) for n in tree.body if isinstance(n, ast.ClassDef)}
        self.functions: dict[str, list[inspect.Signature]] = {}
        self.constants: dict[str, int] = {}
        for item in tree.body:
            if isinstance(item, ast.FunctionDef):
                self.functions.setdefault(item.name, []).append(signature_of(item, False))
            elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                value = item.value.value if isinstance(item.value, ast.Constant) else 0
                self.constants[item.target.id] = value if isinstance(value, int) else 0


def _checked(stub: StubClass, behaviour: type) -> type:
    """behaviour with every call bound against the stub first."""

    def initialise(self: Any, *args: Any, **kwargs: Any) -> None:
        stub.check("__init__", args, kwargs)
        behaviour.__init__(self, *args, **kwargs)

    names: dict[str, Any] = {"__init__": initialise}
    for name, method in vars(behaviour).items():
        if name.startswith("_") or not callable(method):
            continue

        def call(self: Any, *args: Any, _name: str = name, _method: Any = method, **kw: Any) -> Any:
            stub.check(_name, args, kw)
            return _method(self, *args, **kw)

        names[name] = call
    names.update(stub.constants)
    return type(stub.name, (behaviour,), names)


class Bench:
    """Everything around one fake chip: pins by their ids, chips by chip select, CAN frames."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}
        self.duties: dict[str, int] = {}  # of PWM pins, 65535 is always on
        self.edges: dict[str, Any] = {}  # handlers of pins' interrupts
        self.modes: dict[str, int] = {}
        self.order: list[str] = []  # pins, in the order in which they were made
        self.chips: dict[str, Any] = {}
        self.controllers: list[Any] = []
        self.feeds = 0
        self.backup = bytearray(4096)
        self.frequency = 0


def make(port: str, bench: Bench) -> ModuleType:
    """The module `machine` of a port."""
    stub = Stub(port)
    if "CAN" not in stub.classes:  # the newest mimxrt stubs are of 1.26, CAN came later
        stub.classes["CAN"] = Stub("stm32").classes["CAN"]
        stub.functions.setdefault("mem_backup", Stub("stm32").functions["mem_backup"])

    class Pin:
        def __init__(self, pin: Any, mode: int = -1, pull: int = -1, *, value: Any = None) -> None:
            self.id = str(pin)
            bench.order.append(self.id)
            bench.modes[self.id] = mode
            bench.levels[self.id] = 1 if value is None else value

        def value(self, level: Any = None) -> Any:
            if level is None:
                return bench.levels[self.id]
            before, bench.levels[self.id] = bench.levels[self.id], level
            chip = bench.chips.get(self.id)
            if chip is not None and before != level:
                chip.select(level == 0)
            return None

        def irq(self, handler: Any = None, trigger: int = 0, *, hard: bool = False) -> None:
            assert hard, "a soft one waits for the tick, and some would be lost"
            bench.edges[self.id] = handler

    class Signal:
        def __init__(self, pin: Any, invert: bool = False) -> None:
            self._pin, self._invert = pin, invert

        def value(self, level: Any = None) -> Any:
            return self._pin.value() ^ int(self._invert)

    class ADC:
        def __init__(self, pin: Any) -> None:
            self.pin = pin

        def read_u16(self) -> int:
            return 32768

    class PWM:
        def __init__(self, pin: Any, *, freq: int = 0, duty_u16: int = 0) -> None:
            self.id, self.frequency = pin.id, freq
            bench.duties[self.id] = duty_u16

        def duty_u16(self, value: int) -> None:
            assert 0 <= value <= 65535
            bench.duties[self.id] = value

    class SPI:
        def __init__(self, number: int, **settings: Any) -> None:
            self.number, self.settings = number, settings

        def _selected(self) -> Any:
            found = [c for pin, c in bench.chips.items() if bench.levels.get(pin) == 0]
            assert len(found) <= 1, "two chips are selected at once"
            return found[0] if found else None

        def write(self, data: Any) -> None:
            chip = self._selected()
            for byte in bytes(data):
                if chip is not None:
                    chip.exchange(byte)

        def readinto(self, buffer: Any, write: int = 0) -> None:
            chip = self._selected()
            for i in range(len(buffer)):
                buffer[i] = chip.exchange(write) if chip is not None else 0xFF

        def write_readinto(self, out: Any, into: Any) -> None:
            chip = self._selected()
            for i, byte in enumerate(bytes(out)):
                into[i] = chip.exchange(byte) if chip is not None else 0xFF

    class CAN:
        def __init__(self, number: int, bitrate: int = 0) -> None:
            self.number, self.bitrate = number, bitrate
            self.filters: Any = None
            self.handler: Any = None
            self.received: list[tuple[int, bytes, int]] = []
            self.sent: list[tuple[int, bytes]] = []
            self.now = 1
            bench.controllers.append(self)

        def init(self, bitrate: int) -> None:
            self.bitrate = bitrate
            self.filters, self.handler = None, None

        def set_filters(self, filters: Any) -> None:
            self.filters = list(filters)

        def irq(self, handler: Any = None, trigger: int = 0, hard: bool = False) -> None:
            self.handler = handler

        def recv(self, slot: Any = None) -> Any:
            if not self.received:
                return None
            can_id, data, flags = self.received.pop(0)
            slot[0], slot[1], slot[2], slot[3] = can_id, memoryview(data), flags, 0
            return slot

        def send(self, can_id: int, data: Any, flags: int = 0) -> int:
            self.sent.append((can_id, bytes(data)))
            return 0

        def state(self) -> int:
            return self.now

        def restart(self) -> None:
            self.filters, self.handler, self.now = None, None, 1

    class WDT:
        def __init__(self, *, id: int = 0, timeout: int = 5000) -> None:
            self.timeout = timeout

        def feed(self) -> None:
            bench.feeds += 1

    module = ModuleType("machine")
    for behaviour in (Pin, Signal, ADC, PWM, SPI, CAN, WDT):
        setattr(module, behaviour.__name__, _checked(stub.classes[behaviour.__name__], behaviour))

    class Cpu:
        def __getattr__(self, name: str) -> str:
            if not (name[0] in "ABCDEFGHIJK" and name[1:].isdigit() and int(name[1:]) < 16):
                raise AttributeError(f"the chip has no pin {name}")
            return name

    module.Pin.cpu = Cpu()  # pyright: ignore
    module.Pin.board = SimpleNamespace()  # pyright: ignore

    def function(name: str, act: Any) -> None:
        signatures = stub.functions[name]

        def call(*args: Any, **kwargs: Any) -> Any:
            for signature in signatures:
                try:
                    signature.bind(*args, **kwargs)
                except TypeError:
                    continue
                return act(*args, **kwargs)
            raise TypeError(f"machine.{name} does not take {args} {kwargs}")

        setattr(module, name, call)

    def freq(hz: int = 0) -> int:
        bench.frequency = hz or bench.frequency
        return bench.frequency

    function("freq", freq)
    function("reset_cause", lambda: 1)
    function("unique_id", lambda: bytes(12))
    words = memoryview(array("I", bytes(16)))  # the registers of an RT1062
    function("mem_backup", lambda region=0: words if port == "mimxrt" else memoryview(bench.backup))
    for name, value in stub.constants.items():
        setattr(module, name, value)
    return module
