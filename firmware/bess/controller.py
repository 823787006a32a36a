"""A cabinet controller built out of `machine`: what all microcontroller boards share.

boards/NAME/board.py hands over the module, its pin table and its wiring; nothing here
knows a board. Outputs are driven to their safe level before anything else is built.
"""

import gc
import os
import time

from bess.console import Console
from bess.drivers import fram as fram_chip
from bess.drivers.drive import Drive
from bess.drivers.mcp23s17 import Expander
from bess.drivers.tacho import Tacho
from bess.lines import Contacts
from bess.port.base import BoardBase
from bess.port.can_controller import CanController, SharedCan
from bess.port.interpreter import const, keyboard_interrupt
from bess.port.storage import FileRegion
from bess.table import rows

_TICK_MS = const(10)
_SECOND_MS = const(1000)
_BACKUP_BYTES = const(128)
RESET = const(64)  # exit code that the loader answers with a reset of the chip
# name, bytes on the FRAM; the rest of it is the trend's
_REGIONS = b"""\
parameters 8192
state 512
trace 8192
log 120000
"""


class Clock:
    """Microseconds for budgets; wait_us for the isoSPI chain to wake."""

    def __init__(self):
        self.ticks_us = time.ticks_us
        self.ticks_us_diff = time.ticks_diff
        self.wait_us = time.sleep_us


class Watchdog:
    """The chip's, once the program runs; `feed()` has one caller, the scheduler."""

    def __init__(self):
        self._wdt = None

    def open(self, wdt):
        self._wdt = wdt

    def feed(self):
        if self._wdt is not None:
            self._wdt.feed()


class Wiring:
    """A board's table made into devices; `outputs` by name and `drive` are low from the start.

    Rows: `out|in|analog NAME PIN`, `cs NAME PIN`, `pwm drive PIN`, `tacho fan_speed PIN` (a channel
    of analog(); air-cooled sets have one in place of the coolant's flow switch, so it may be that
    one's pin), `spi NAME ID:PINS`, `can NAME ID:PINS` (the pins of buses are the port's, for the
    reader). pin_of(text): what machine.Pin takes for a pin.
    """

    spi_baud = 1000000  # the isoSPI bridge's most
    drive_hz = 1000  # an optocoupler follows it, a filter to 0..10 V needs no large parts
    fan_rpm = 3000  # rated, of the fans that are fitted; 65536 of analog "fan_speed"
    fan_pulses = 2  # a turn, of their tacho output

    def __init__(self, machine, table, pin_of):
        self._machine = machine
        self._table = table
        self._pin_of = pin_of
        self._buses = {}
        self.outputs = self._made("out", lambda pin: self._out(pin, 0))  # first: every one safe
        self.drive = self._made("pwm", self._pwm)["drive"]
        self._selects = self._made("cs", lambda pin: self._out(pin, 1))  # before any bus is made

    def _text(self, kind, name):
        for fields in rows(self._table):
            if fields[0] == kind and fields[1] == name:
                return fields[2]
        return ""

    def inputs(self):
        """Every contact pulls its pin down when all is well: a broken wire reads as 0."""
        machine = self._machine
        pin = machine.Pin
        return self._made(
            "in", lambda text: machine.Signal(pin(text, pin.IN, pin.PULL_UP), invert=True)
        )

    def analog(self):
        channels = self._made("analog", lambda text: self._machine.ADC(self._machine.Pin(text)))
        channels.update(self._made("tacho", self._tacho))
        return channels

    def _pwm(self, text):
        machine = self._machine
        return Drive(machine.PWM(machine.Pin(text), freq=self.drive_hz, duty_u16=0))

    def _tacho(self, text):
        pin = self._machine.Pin
        return Tacho(
            pin(text, pin.IN, pin.PULL_UP), pin.IRQ_FALLING, time.ticks_ms, self.fan_rpm,
            self.fan_pulses,
        )  # fmt: skip

    def _made(self, kind, make):
        found = {}
        for fields in rows(self._table):
            if fields[0] == kind:
                found[fields[1]] = make(self._pin_of(fields[2]))
        return found

    def _out(self, pin, level):
        return self._machine.Pin(pin, self._machine.Pin.OUT, value=level)

    def chip_select(self, name):
        """A chip select, high; None where the table has none of that name."""
        return self._selects.get(name)

    def spi(self, name):
        """The bus of a device; devices with the same id share one object."""
        number = int(self._text("spi", name).partition(":")[0])
        if number not in self._buses:
            make = self._machine.SPI
            self._buses[number] = make(number, baudrate=self.spi_baud, polarity=1, phase=1)
        return self._buses[number]

    def can(self, name):
        """The controller of a bus, None where the table has none."""
        text = self._text("can", name)
        if not text:
            return None
        return CanController(self._machine.CAN(int(text.partition(":")[0]), 500000))

    def fram(self):
        return fram_chip.Fram(self.spi("fram"), self.chip_select("fram"))

    def backup(self):
        """Where latches lie: the chip's battery-backed bytes, or the first of the FRAM.

        Ports with word-wide registers have at most 32 of them, too few either way.
        """
        machine = self._machine
        memory = machine.mem_backup() if hasattr(machine, "mem_backup") else b""
        return memory if len(memory) >= _BACKUP_BYTES else fram_chip.FramBytes(self.fram(), 0)


class Controller(BoardBase):
    """wiring: Wiring of the board. Class attributes: `name`, `program_bytes` (room for an image),
    `watchdog_ms`.
    """

    watchdog_ms = 1000

    def __init__(self, machine, wiring, start):
        self.outputs = wiring.outputs
        self.drive = wiring.drive
        self._machine = machine
        self._fitted = False
        super().__init__(start)
        pins = wiring.inputs()
        self.inputs = Contacts(pins)
        self.analog = wiring.analog()
        self.clock = Clock()
        self.storage_safe_under_load = self._fitted
        self.site_can = wiring.can("site")
        self.cabinet_can = wiring.can("cabinet")
        if self.cabinet_can is None:
            self.site_can, self.cabinet_can = SharedCan(self.site_can).faces
        self.afe_spi = wiring.spi("afe")
        self.afe_cs = wiring.chip_select("afe")
        self.fram = wiring.fram()
        expander_cs = wiring.chip_select("expander")
        if expander_cs is not None:
            expander = Expander(wiring.spi("fram"), expander_cs)
            for bit in range(16):
                pins["slot%d" % bit] = expander.pin(bit)
        self.inputs.bind()
        self._open_storage()
        self.backup = wiring.backup()
        self.watchdog = Watchdog()

    def take(self, name, value):
        if name == "@fram":
            self._fitted = value == "1"
        else:
            super().take(name, value)

    def _open_storage(self):
        """On the FRAM where one is fitted, else files that are written at rest only."""
        self.storage = {}
        at = _BACKUP_BYTES
        for fields in rows(_REGIONS):
            self.storage[fields[0]] = self._region(fields[0], at, int(fields[1]))
            at += int(fields[1])
        self.storage["trend"] = self._region("trend", at, fram_chip.SIZE - at)

    def _region(self, name, at, size):
        if self._fitted:
            return fram_chip.FramRegion(self.fram, at, size)
        if name in ("log", "trace", "trend"):
            from bess.port.paged import PagedRegion

            return PagedRegion(self._root + "/" + name, size)
        return FileRegion(self._root + "/" + name + ".bin", size)

    def ram_intact(self):
        """From Python no more can be tested than self_check's canaries; they are judged there."""
        return True

    def reset_cause(self):
        machine = self._machine
        return "watchdog" if machine.reset_cause() == machine.WDT_RESET else "power"

    def random(self, count):
        return os.urandom(count)

    def run(self, build):
        """Ticks by the chip's clock for ever; returns only to have the chip reset."""
        cabinet = build()
        console = Console(self._root)
        keyboard_interrupt(-1)  # Ctrl-C is the console's to judge
        self.watchdog.open(self._machine.WDT(timeout=self.watchdog_ms))
        try:
            self._tick_on(cabinet, console)
        finally:  # also where the firmware itself fails: the reset follows, and safe comes first
            for output in self.outputs.values():
                output.value(0)
            self.drive.duty(0)
        return RESET

    def _tick_on(self, cabinet, console):
        due_ms = slack_ms = time.ticks_ms()
        while not cabinet.restart:
            now_ms = time.ticks_ms()
            if time.ticks_diff(now_ms, due_ms) < 0:
                continue
            due_ms = time.ticks_add(due_ms, _TICK_MS)
            if time.ticks_diff(now_ms, due_ms) > _SECOND_MS:
                due_ms = now_ms  # after a long stop, one late tick and not a hundred at once
            cabinet.step(now_ms)
            if time.ticks_diff(now_ms, slack_ms) >= _SECOND_MS:
                slack_ms = now_ms
                try:
                    if console.step(cabinet):
                        return
                except Exception as error:
                    cabinet.scheduler.note("console", error)  # a convenience: it may fail alone
                gc.collect()
