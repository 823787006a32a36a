"""Each rule at every one of its sensors: a rule that holds for a representative may miss the rest.

One site is booted for each group; every case runs on a forked copy of it (kit/copies.py).
`make soak` takes every one; otherwise it is every seventh, and the last, which is another place in
each device of 16 cells and 17 wires and in each module of 15 sensors.
"""

from collections.abc import Callable, Iterator

import pytest
from kit.copies import Outcome, react
from soak import SOAK

from autarky.sil.site import SiteConfig, VirtualSite
from bess import lines

pytestmark = pytest.mark.slow
CELLS, SENSORS, DEVICES, MODULES = 240, 75, 15, 5
CELLS_OF_DEVICE = 16
CHARGE_W = -20_000.0
# By default 1 to 5 s each, times 240 cells or 75 sensors; test_every_fault keeps the true ones.
SHORTER = {
    "cell_ov_3_delay_ms": 200, "cell_uv_3_delay_ms": 200, "discharge_ot_3_delay_ms": 200,
    "discharge_ut_3_delay_ms": 200, "charge_ot_3_delay_ms": 200,
    "charge_below_zero_3_delay_ms": 200, "temp_rise_3_delay_ms": 1000,
    "open_wire_3_delay_ms": 100,
}  # fmt: skip


def running(target_w: float = 0.0) -> Iterator[VirtualSite]:
    config = SiteConfig(cabinets=1, interpreter="inline", soc=0.6, parameters=SHORTER)
    with VirtualSite(config) as site:
        site.run_for(6.0)
        assert site.coordinator.views[2].state_name == "run"
        site.coordinator.target_w = target_w
        if target_w:
            site.run_for(4.0)
            assert abs(site.plants.current_a[0]) > 10
        yield site


@pytest.fixture(scope="module")
def idle() -> Iterator[VirtualSite]:
    yield from running()


@pytest.fixture(scope="module")
def charging() -> Iterator[VirtualSite]:
    yield from running(CHARGE_W)


Inject = Callable[[VirtualSite, int], object]


def failing(
    site: VirtualSite, count: int, inject: Inject, good: Callable[[Outcome], bool],
    limit_ms: int, to_open: bool = True,
) -> dict[int, Outcome]:  # fmt: skip
    """The numbers for which the reaction is not good."""
    found = {}
    for number in range(count) if SOAK or count < 7 else {*range(0, count, 7), count - 1}:
        outcome = react(site, lambda n=number: inject(site, n), limit_ms, to_open)
        if not good(outcome):
            found[number] = outcome
    return found


def trips(name: str, within_ms: int) -> Callable[[Outcome], bool]:
    return lambda outcome: (
        outcome.opened_ms is not None
        and outcome.opened_ms <= within_ms
        and outcome.levels.get(name, 0) >= 3
    )


def blocks(name: str) -> Callable[[Outcome], bool]:
    return lambda outcome: outcome.levels.get(name, 0) >= 2


def warns(name: str) -> Callable[[Outcome], bool]:
    return lambda outcome: outcome.opened_ms is None and outcome.levels.get(name, 0) == 1


def a_cell(volts: float) -> Inject:
    return lambda site, cell: site.plants.cells.force_voltage(0, cell, volts)


def a_sensor(celsius: float) -> Inject:
    return lambda site, sensor: site.plants.sensor_forced_c[0].update({sensor: celsius})


# cells


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize(("volts", "fault"), [(3.70, "cell_ov"), (2.40, "cell_uv")])
def test_every_cell_trips_over_and_under_voltage(idle, half: int, volts: float, fault: str) -> None:
    def inject(site: VirtualSite, cell: int) -> None:
        a_cell(volts)(site, half * CELLS // 2 + cell)

    assert not failing(idle, CELLS // 2, inject, trips(fault, 400), 700)


# temperatures


def test_every_sensor_trips_when_it_is_hot(idle) -> None:
    assert not failing(idle, SENSORS, a_sensor(61.0), trips("discharge_ot", 400), 700)


def test_every_sensor_trips_when_it_is_too_cold(idle) -> None:
    assert not failing(idle, SENSORS, a_sensor(-36.0), trips("discharge_ut", 400), 700)


@pytest.mark.parametrize(("celsius", "fault"), [(56.0, "charge_ot"), (-2.0, "charge_below_zero")])
def test_every_sensor_ends_a_charge_that_harms(charging, celsius: float, fault: str) -> None:
    """Charging goes on against the limit: another source, 0.04C."""

    def inject(site: VirtualSite, sensor: int) -> None:
        a_sensor(celsius)(site, sensor)
        site.plants.strings.extra_a[0] = -10.0

    assert not failing(charging, SENSORS, inject, trips(fault, 400), 700)


@pytest.fixture(scope="module", params=[0, 37])
def one_hotter(request) -> Iterator[tuple[VirtualSite, int]]:
    """One sensor stands at 36 degC, where it came to slower than 1 K/s."""
    hottest = request.param
    for site in running():
        for k in range(1200):
            site.plants.sensor_forced_c[0][hottest] = 25.0 + 11.0 * min(k / 1150, 1.0)
            site.step()
        assert site.plants.outputs[0] & 0b11 == 0b11
        yield site, hottest


def test_a_rise_below_the_hottest_sensor_trips_at_every_sensor(one_hotter) -> None:
    """1.5 K/s from 25 degC up to below the hottest: what rises is not what is hottest."""
    site, hottest = one_hotter
    rising = [
        sensor for sensor in range(SENSORS) if sensor % 2 == hottest % 2 and sensor != hottest
    ]
    rising.append(37 - hottest)

    def inject(site: VirtualSite, number: int) -> None:
        sensor, start_ms = rising[number], site.now_ms
        begin_c = float(site.plants.sensor_c(0)[sensor])

        def rise(at: VirtualSite) -> None:
            at.plants.sensor_forced_c[0][sensor] = begin_c + 1.5 * (at.now_ms - start_ms) / 1000

        site.before_tick.append(rise)

    assert not failing(site, len(rising), inject, trips("temp_rise", 4500), 5000)


def test_one_open_sensor_warns_and_stops_nothing_at_every_sensor(idle) -> None:
    good = warns("sensor_open")  # nobody's silence stops the string either, after 3 s
    assert not failing(idle, SENSORS, a_sensor(-120.0), good, 3500, to_open=False)


def test_every_module_without_any_sensor_stops_the_string(idle) -> None:
    def inject(site: VirtualSite, module: int) -> None:
        per_module = SENSORS // MODULES
        for sensor in range(per_module * module, per_module * (module + 1)):
            a_sensor(-120.0)(site, sensor)

    assert not failing(idle, MODULES, inject, trips("sensors_lost", 3300), 4000)


# front ends


def chain(change: Callable[[object, int], object]) -> Inject:
    def inject(site: VirtualSite, device: int) -> None:
        change(site.plants.chains[0], device)
        site.plants.chains[0].fault_changed()

    return inject


def forget_configuration(a_chain, device: int) -> None:
    """What a brown-out does to a front end: its registers as after power-up."""
    a_chain._registers["cfga"][device] = (0x00F8, 0, 0)
    a_chain._registers["cfgb"][device] = (0x000F, 0, 0)


FRONT_END_TRIPS = {
    "afe_silent": (3200, lambda c, d: c.dead.add(d)),
    "afe_self_test": (2900, lambda c, d: c.wrong_converter.add(d)),
    "wrong_module": (1200, lambda c, d: c.extra_cell_v.update({d: 3.3})),
}
FRONT_END_BLOCKS = {
    "afe_crc": (1200, lambda c, d: c.bit_error_devices.update({d: 1.0})),
    "afe_reference": (1300, lambda c, d: c.wrong_reference.add(d)),
    "afe_supply": (2900, lambda c, d: c.low_supply.add(d)),
    "afe_hot": (3600, lambda c, d: c.die_c.__setitem__(d, 120.0)),
    "afe_config": (2900, lambda c, d: c.stuck_config.add(d)),
}


@pytest.mark.parametrize("fault", FRONT_END_TRIPS)
def test_every_front_end_trips(idle, fault: str) -> None:
    within_ms, change = FRONT_END_TRIPS[fault]
    assert not failing(idle, DEVICES, chain(change), trips(fault, within_ms), within_ms + 300)


@pytest.mark.parametrize("fault", FRONT_END_BLOCKS)
def test_every_front_end_takes_the_power_away(idle, fault: str) -> None:
    limit_ms, change = FRONT_END_BLOCKS[fault]
    assert not failing(idle, DEVICES, chain(change), blocks(fault), limit_ms, to_open=False)


def test_every_front_end_that_forgets_its_configuration_is_noticed(idle) -> None:
    def noticed(outcome: Outcome) -> bool:
        return outcome.worst >= 1

    found = failing(idle, DEVICES, chain(forget_configuration), noticed, 3000, to_open=False)
    assert not found


@pytest.mark.parametrize("module", range(MODULES))
def test_every_sense_wire_trips_when_it_is_open(idle, module: int) -> None:
    wires = [
        (device, pin) for device in range(3 * module, 3 * module + 3)
        for pin in range(CELLS_OF_DEVICE + 1)
    ]  # fmt: skip

    def inject(site: VirtualSite, number: int) -> None:
        site.plants.chains[0].open_wires.add(wires[number])

    assert not failing(idle, len(wires), inject, trips("open_wire", 1700), 2000)


# slots, lines, contactors


def test_every_module_that_is_pulled_opens_within_50_ms(idle) -> None:
    found = failing(
        idle, MODULES, lambda site, module: site.plants.pull_module(0, module),
        trips("module_pulled", 50), 200,
    )  # fmt: skip
    assert not found


@pytest.mark.parametrize(
    ("line", "fault", "within_ms"),
    [
        ("estop", "estop", 20), ("hvil", "hvil", 70), ("smoke", "smoke", 70), ("gas", "gas", 70),
        ("enable_ok", "enable_lost", 50),
    ],
)  # fmt: skip
def test_every_safety_line_trips(idle, line: str, fault: str, within_ms: int) -> None:
    def inject(site: VirtualSite, _: int) -> None:
        site.plants.input_forced[0][line] = False

    assert line in lines.names(lines.INPUTS)
    assert not failing(idle, 1, inject, trips(fault, within_ms), 200)


def test_every_mirror_contact_that_differs_locks_out(idle) -> None:
    def inject(site: VirtualSite, pole: int) -> None:
        site.plants.strings.contactors.feedback_inverted[0, pole] = True

    assert not failing(idle, 3, inject, lambda o: o.levels.get("contactor_feedback") == 4, 400)


def test_every_welded_pole_locks_out(idle) -> None:
    def inject(site: VirtualSite, pole: int) -> None:
        site.plants.strings.contactors.welded[0, pole] = True
        site.plants.hvil_open[0] = True

    found = failing(idle, 2, inject, lambda o: o.worst == 4, 2000, to_open=False)
    assert not found


@pytest.mark.parametrize("pole", range(3))
def test_no_pole_that_stays_open_lets_the_cabinet_run(pole: int) -> None:
    with VirtualSite(SiteConfig(cabinets=1, interpreter="inline", soc=0.6)) as site:
        site.plants.strings.contactors.stuck_open[0, pole] = True
        for _ in range(2000):
            site.step()
            assert site.coordinator.views[2].state_name != "run"


# terminals


@pytest.mark.parametrize("terminal", ["terminal_plus", "terminal_minus"])
def test_each_terminal_trips_when_it_is_hot(idle, terminal: str) -> None:
    def inject(site: VirtualSite, _: int) -> None:
        site.plants.analog_forced[0][terminal] = 95.0
        site.plants.refresh_analog(0)

    assert not failing(idle, 1, inject, trips("terminal_hot", 4100), 4300)


@pytest.mark.parametrize("terminal", ["terminal_plus", "terminal_minus"])
@pytest.mark.parametrize("celsius", [-200.0, 1000.0])
def test_each_terminal_sensor_that_is_lost_warns(idle, terminal: str, celsius: float) -> None:
    def inject(site: VirtualSite, _: int) -> None:
        site.plants.analog_forced[0][terminal] = celsius
        site.plants.refresh_analog(0)

    assert not failing(idle, 1, inject, lambda o: o.worst >= 1, 7000, to_open=False)


def test_all_terminal_sensors_lost_is_not_well(idle) -> None:
    """Rule 3 of protection.md: all readings invalid is never "no violation found"."""

    def inject(site: VirtualSite, _: int) -> None:
        site.plants.analog_forced[0].update(terminal_plus=-200.0, terminal_minus=-200.0)
        site.plants.refresh_analog(0)

    assert not failing(idle, 1, inject, lambda o: o.worst >= 2, 12_000, to_open=False)


# current and voltage sensor


@pytest.mark.parametrize(
    ("channel", "fault", "within_ms"),
    [(0, "current_silent", 350), (1, "voltage_silent", 1200), (2, "voltage_silent", 1200),
     (3, "voltage_silent", 1200)],
)  # fmt: skip
def test_every_channel_that_falls_silent_trips(idle, channel: int, fault: str, within_ms: int):
    def inject(site: VirtualSite, _: int) -> None:
        site.plants.sensors[0].silent_channels.add(channel)

    assert not failing(idle, 1, inject, trips(fault, within_ms), within_ms + 200)


@pytest.mark.parametrize(("amperes", "fault", "within_ms"), [
    (200.0, "discharge_oc", 550), (-200.0, "charge_oc", 550), (520.0, "short", 80),
    (-520.0, "short", 80),
])  # fmt: skip
def test_over_current_trips_in_either_direction(idle, amperes, fault, within_ms) -> None:
    def inject(site: VirtualSite, _: int) -> None:
        site.plants.strings.extra_a[0] = amperes

    assert not failing(idle, 1, inject, trips(fault, within_ms), within_ms + 200)


@pytest.mark.parametrize("phase", range(5))
@pytest.mark.parametrize("amperes", [200.0, -200.0])
def test_lost_frames_do_not_stretch_the_delay_of_an_over_current(idle, amperes, phase) -> None:
    """Four of five current frames lost, whichever is left: 0.5 s and one sample more."""
    from autarky.bus.bus import BusFault

    seen = [phase]

    def matches(can_id: int, _: int) -> bool:
        seen[0] += can_id == 0x521
        return can_id == 0x521 and seen[0] % 5 != 0

    def inject(site: VirtualSite, _: int) -> None:
        site.cabinets[0].bus.faults.append(BusFault("drop", matches))
        site.plants.strings.extra_a[0] = amperes

    found = failing(idle, 1, inject, lambda o: o.opened_ms is not None and o.opened_ms <= 750, 3000)
    assert not found
