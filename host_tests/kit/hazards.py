"""Which hazard must switch off which actuator, and by when: typed by hand, imported from nowhere.

The firmware has a table of its own. This one was written from the hazards (design page
protection.md, issue 11), reads the plant and not the firmware's beliefs, and must differ where
the firmware is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autarky.paths import wire
from autarky.plant.string import PCS_FAULT
from autarky.sil.site import VirtualSite
from bess import lines

ACTUATORS = ("gates", "contactors", "heater", "chiller", "pump", "bleeding")

# ms from the hazard at the sensor until the actuator must be off, - where it may go on: configured
# delay + its sensor's period + two ticks; heater, chiller, pump obey in the fast tick, bleeding
# with the next configuration of the front ends. latch: stays so until an operator's reset, over
# every restart.
TABLE = """\
hazard            latch  gates contactors heater chiller  pump bleeding
estop             latch     30         30    100     100   100     2000
hvil              latch     80         80    150     150     -        -
smoke             latch     80         80    150     150     -     2000
gas               latch     80         80    150     150   150     2000
module_pulled     latch     50         60    150     150   150     2000
enable_lost       latch     60         60      -       -     -        -
door              -          -          -      -    1200     -        -
no_flow           -          -          -  17200   17200     -        -
flow_stuck        -          -          - 152200  152200     -        -
compressor        -          -          -      -    3300     -        -
condensation      -          -          -      -   62500     -        -
heater_stuck      -          -      10500   7200       -     -        -
charge_ot         latch   2400       2400   2500       -     -        -
discharge_ot      latch   2400       2400   2500       -     -        -
charge_below_zero latch   2400       2400      -       -     -        -
discharge_ut      latch   5400       5400      -       -     -        -
cell_ov           latch   1300       1300      -       -     -        -
cell_uv           latch   1300       1300      -       -     -     3500
deep_discharge    latch   1300       1300      -       -     -     3500
open_wire         latch   2900       2900      -       -     -     5000
wrong_converter   latch   2900       2900      -       -     -     5000
wrong_module      latch   1300       1300      -       -     -     3500
afe_silent        latch   3300       3300   3400       -     -     5500
temp_silent       latch   3300       3300   3400       -     -     5500
sensors_lost      latch   3300       3300   3400       -     -     5500
current_silent    latch    400        400      -       -     -        -
voltage_silent    latch   1300       1300      -       -     -        -
pcs_silent        latch   5200       5200      -       -     -        -
pcs_failed        latch    200        200      -       -     -        -
feedback          latch    450        450      -       -     -        -
over_current      latch    650        650      -       -     -        -
insulation        latch  13000      13000      -       -     -        -
insulation_silent latch  62500      62500      -       -     -        -
terminal_hot      latch   4200       4200      -       -     -        -
pcs_hot           latch   4200       4200      -       -     -        -
supply_low        latch    600        600      -       -     -        -
ram               latch   1300       1300   1400    1400     -     3500
program           latch   2300       2300   2400    2400     -     4500
clock             latch    100        100    150     150     -     2000
heap_used         latch     50         50    100     100     -     2000
task_died         -         50         50     50      50    50        -
backup_lost       latch     50         50      -       -     -        -
afe_config        -          -       7500      -       -     -        -
afe_sum           -          -      13000      -       -     -        -
afe_reference     -          -       5500      -       -     -        -
afe_supply        -          -       7500      -       -     -        -
afe_hot           -          -       8500      -       -     -        -
adc_reference     -          -       5500      -       -     -        -
string_sum        -          -      10500      -       -     -        -
"""

_BIT = {name: 1 << at for at, name in enumerate(lines.names(lines.INPUTS))}
_OUT = {name: 1 << at for at, name in enumerate(lines.names(lines.OUTPUTS))}
CONTACTORS = _OUT["minus"] | _OUT["plus"] | _OUT["precharge"]
MAIN = _OUT["minus"] | _OUT["plus"]
GATES, PUMP, HEATER, CHILLER = (_OUT[n] for n in ("gate_enable", "pump", "heater", "chiller"))
_BITS = {
    "gates": GATES,
    "contactors": CONTACTORS,
    "heater": HEATER,
    "chiller": CHILLER,
    "pump": PUMP,
}
_OUT_OF_RANGE_C = 150.0  # hotter or colder than this an NTC is shorted or open
_OPEN_C = -100.0
# protection.md: thresholds, a little beyond (converter steps, noise)
_OV_V, _UV_V, _UV_COLD_V, _DEEP_V = 3.652, 2.498, 2.298, 1.998
_MOST_A = 1.25 * 140.0 + 3.0  # 1.25 of 0.5C, the most that any table allows
_SCAN_TICKS = 10
_OBEYS_SCANS = 20  # two rounds of diagnosis, with the configuration in each


def rows() -> dict[str, tuple[bool, dict[str, int]]]:
    """hazard -> (latches, actuator -> ms)."""
    found = {}
    for line in TABLE.splitlines()[1:]:
        name, latch, *limits = line.split()
        found[name] = (
            latch == "latch",
            {actuator: int(ms) for actuator, ms in zip(ACTUATORS, limits) if ms != "-"},
        )
    return found


class Truth:
    """What is so at the plant of one cabinet; `look()` after every tick, cells once a scan."""

    def __init__(self, site: VirtualSite, i: int = 0) -> None:
        self.site, self.i = site, i
        self.planted: set[str] = set()  # what a driver did to the firmware itself, until a restart
        self.boot_skew_ms = 0
        self.excused_uv = False  # an operator's reset lets an empty string be charged
        self.cell_min_v = self.cell_max_v = 3.3
        self.temp_min_c = self.temp_max_c = 25.0
        self.module_unmeasured = self.all_unmeasured = False
        self.outputs = self.inputs = 0
        self._ticks = 0
        # scans in which each front end was reached on end: only then it can be told to stop
        self._reached = np.full(site.plants.chains[i].devices, _OBEYS_SCANS)

    def look(self) -> None:
        plants, i = self.site.plants, self.i
        self.outputs = plants.outputs[i]
        self.inputs = plants.inputs(i)
        self.current_a = plants.current_a[i]
        sensor = plants.sensors[i]
        self.measured_a = self.current_a * sensor.gain + sensor.offset_ma / 1000
        if sensor.frozen_ma is not None:
            self.measured_a = sensor.frozen_ma / 1000
        self.honest_sensor = sensor.frozen_ma is None and abs(sensor.gain - 1.0) < 0.02
        if self._ticks % _SCAN_TICKS == 0:
            self._look_at_cells()
        self._ticks += 1

    def _look_at_cells(self) -> None:
        plants, i = self.site.plants, self.i
        chain = plants.chains[i]
        obeys = chain._reachable()
        for device in chain.stuck_config:  # a bit that does not take is a discharge switch
            obeys[device] = False
        self._reached = np.where(obeys, self._reached + 1, 0)
        volts = plants.cells.voltage(i, self.current_a)
        celsius = plants.sensor_c(i)
        per_module = len(celsius) // plants.modules
        valid = (celsius > _OPEN_C) & (celsius < _OUT_OF_RANGE_C)
        self.module_unmeasured = bool((~valid.reshape(-1, per_module).any(axis=1)).any())
        self.all_unmeasured = not valid.any()
        if chain.dead or chain.broken_at is not None or chain.bit_error_devices:
            reached = np.array(chain._reachable())
            for device in chain.bit_error_devices:
                reached[device] = False
            volts = volts[np.repeat(reached, plants.layout)]
            valid = valid & np.repeat(reached, len(celsius) // len(reached))
        if len(volts):
            self.cell_min_v, self.cell_max_v = float(volts.min()), float(volts.max())
        else:
            self.cell_min_v = self.cell_max_v = 3.3
        if valid.any():
            self.temp_min_c = float(celsius[valid].min())
            self.temp_max_c = float(celsius[valid].max())
        if self.cell_min_v > 3.0:
            self.excused_uv = False

    def low(self, name: str) -> bool:
        return not self.inputs & _BIT[name]

    def forced(self, name: str) -> float | None:
        return self.site.plants.analog_forced[self.i].get(name)

    @property
    def ohm_per_volt(self) -> float:
        plants, i = self.site.plants, self.i
        return plants.monitors[i].resistance_kohm * 1000 / max(plants.string_v[i], 50.0)

    @property
    def bleeding(self) -> bool:
        """A balancing switch is closed in a front end that could be told to open it."""
        chain = self.site.plants.chains[self.i]
        if not chain.any_discharge:
            return False
        return bool((np.array(chain.discharge_masks)[self._reached >= _OBEYS_SCANS]).any())

    def on(self, actuator: str, outputs: int | None = None) -> bool:
        """Is it driven, now or with the outputs given."""
        if actuator == "bleeding":
            return self.bleeding
        return bool((self.outputs if outputs is None else outputs) & _BITS[actuator])

    def _wet(self) -> bool:
        coolant, ambient, humidity = (
            self.forced(n) for n in ("coolant_supply", "ambient", "humidity")
        )
        if coolant is None or ambient is None or humidity is None:
            return False
        # below the dew point itself: whatever margin and formula the firmware takes
        return _OPEN_C < coolant < ambient - (1.0 - humidity) * 20.0 - 0.5

    def _over(self, name: str, limit: float) -> bool:
        value = self.forced(name)
        return value is not None and limit < value < _OUT_OF_RANGE_C

    def _feedback_differs(self) -> bool:
        contactors = self.site.plants.strings.contactors
        return bool((contactors.feedback[self.i] != contactors.command[self.i]).any())

    def _quiet_chain(self) -> bool:
        """Every front end answers, so that its diagnosis can be read."""
        chain = self.site.plants.chains[self.i]
        return not (chain.dead or chain.broken_at is not None or chain.bit_error_devices)


def _flag(bit: int) -> Callable[[Truth], bool]:
    return lambda t: bool(t.site.plants.flags[t.i] & bit)


def _line(name: str) -> Callable[[Truth], bool]:
    return lambda t: t.low(name)


def _chain(attribute: str) -> Callable[[Truth], bool]:
    return lambda t: t._quiet_chain() and bool(getattr(t.site.plants.chains[t.i], attribute))


def _silent(channel: int) -> Callable[[Truth], bool]:
    def silent(t: Truth) -> bool:
        sensor = t.site.plants.sensors[t.i]
        return sensor.silent or channel in sensor.silent_channels

    return silent


# hazard -> is it there now
TRUTHS: dict[str, Callable[[Truth], bool]] = {
    "estop": _line("estop"),
    "hvil": _line("hvil"),
    "smoke": _line("smoke"),
    "gas": _line("gas"),
    "enable_lost": _line("enable_ok"),
    "door": _line("door"),
    "compressor": _line("compressor_ok"),
    "module_pulled": lambda t: t.site.plants._any_out[t.i],
    "no_flow": lambda t: t.on("pump") and t.low("coolant_flow"),
    "flow_stuck": lambda t: not t.on("pump") and not t.low("coolant_flow"),
    "condensation": Truth._wet,
    "heater_stuck": lambda t: not t.on("heater") and not t.low("heater_on"),
    "charge_ot": lambda t: t.temp_max_c > 55.5 and t.measured_a < -7.0,
    "discharge_ot": lambda t: t.temp_max_c > 60.5,
    "charge_below_zero": lambda t: t.temp_min_c < -0.5 and t.measured_a < -7.0,
    "discharge_ut": lambda t: t.temp_min_c < -35.5,
    "cell_ov": lambda t: t.cell_max_v > _OV_V,
    "cell_uv": lambda t: (
        not t.excused_uv and t.cell_min_v < (_UV_V if t.temp_min_c > 0.5 else _UV_COLD_V)
    ),
    "deep_discharge": lambda t: t.cell_min_v < _DEEP_V,
    "open_wire": _chain("open_wires"),
    "wrong_converter": _chain("wrong_converter"),
    "wrong_module": _chain("extra_cell_v"),
    "afe_silent": lambda t: bool(
        t.site.plants.chains[t.i].dead or t.site.plants.chains[t.i].broken_at is not None
    ),
    "temp_silent": lambda t: t.all_unmeasured,
    "sensors_lost": lambda t: t._quiet_chain() and t.module_unmeasured,
    "current_silent": _silent(0),
    "voltage_silent": _silent(1),
    "pcs_silent": lambda t: t.site.plants.faces[t.i].silent,
    "pcs_failed": lambda t: (
        t.site.plants.pcs_state[t.i] == PCS_FAULT
        and not t.site.plants.faces[t.i].silent
        and t.site.plants.faces[t.i].manners.reported_state is None
        and not t.site.plants.faces[t.i].manners.late_ms
    ),
    "feedback": Truth._feedback_differs,
    "over_current": lambda t: abs(t.measured_a) > _MOST_A and not _silent(0)(t),
    "insulation": lambda t: not t.site.plants.monitors[t.i].silent and t.ohm_per_volt < 98.0,
    "insulation_silent": lambda t: t.site.plants.monitors[t.i].silent,
    "terminal_hot": lambda t: t._over("terminal_plus", 91.0) or t._over("terminal_minus", 91.0),
    "pcs_hot": lambda t: (
        t.site.plants.faces[t.i].says_c > 60 and not t.site.plants.faces[t.i].silent
    ),
    "supply_low": lambda t: (t.forced("supply") or 24.0) < 16.8,
    "ram": _flag(wire.TICK_RAM_BAD),
    "program": _flag(wire.TICK_PROGRAM_BAD),
    "clock": lambda t: t.site.cabinets[t.i].skew_ms != t.boot_skew_ms,
    "heap_used": lambda t: "heap_used" in t.planted,
    "task_died": lambda t: "task_died" in t.planted,
    "backup_lost": lambda t: "backup_lost" in t.planted,
    "afe_config": _chain("stuck_config"),
    "afe_sum": lambda t: t._quiet_chain() and t.site.plants.chains[t.i].sum_gain > 1.03,
    "afe_reference": _chain("wrong_reference"),
    "afe_supply": _chain("low_supply"),
    "afe_hot": lambda t: t._quiet_chain() and t.site.plants.chains[t.i].die_c.max() > 117.0,
    "adc_reference": lambda t: abs((t.forced("reference") or 1.0) - 1.0) > 0.035,
    "string_sum": lambda t: t._quiet_chain() and t.site.plants.sensors[t.i].bias_v[1] > 25.0,
}
