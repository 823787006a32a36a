"""A cabinet never runs with parameters that contradict each other, whichever way they came in."""

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autarky.sil.inline import InlineFirmware
from autarky.sil.site import SiteConfig, SiteError, VirtualSite
from autarky.tables import faults
from bess import modes
from bess.app import Cabinet
from bess.link import abort
from bess.parameter_rules import objections
from bess.parameters import TABLE, Parameters
from bess.protect.fault_table import TABLE as FAULTS
from bess.table import rows

SAVE, LOAD = 0x65766173, 0x64616F6C
MAIN = 0b11
CONFLICT = faults()["parameters_conflict"].id
RANGES = {f[1]: (int(f[3], 0), int(f[4], 0)) for f in rows(TABLE)}


def running(site: VirtualSite) -> Cabinet:
    return site.cabinets[0].firmware.app


def write(app: Cabinet, name: str, value: int) -> int:
    """What an unlocked SDO client does, by name; the abort code."""
    index, _, sub = next(f[0] for f in rows(TABLE) if f[1] == name).partition(".")
    entry = app.site.dictionary.lookup(int(index, 0), int(sub or "0"))
    return app.site.dictionary.write(entry, struct.pack("<i", value))


def read_conflict(app: Cabinet) -> str:
    source = app.site.dictionary.reader(app.site.dictionary.lookup(0x2312, 0))
    return source.read(0, source.size()).decode()


def test_sdo_takes_values_one_by_one_and_stores_only_a_set_that_agrees() -> None:
    app = InlineFirmware("", 15).app
    assert read_conflict(app) == "none"
    assert write(app, "cell_ov_3_dmv", 36000) == abort.NONE
    assert app.keeper.store(SAVE) == abort.INCOMPATIBLE == 0x06040043
    assert "cell_ov_2_dmv is 36100, cell_ov_3_dmv is 36000: " in read_conflict(app)
    assert app.keeper._slots.load() is None
    assert write(app, "cell_ov_2_dmv", 35900) == abort.NONE
    assert app.keeper.store(SAVE) == abort.INCOMPATIBLE
    assert "string_ov_3_dmv is 36200, cell_ov_3_dmv is 36000: " in read_conflict(app)
    assert write(app, "string_ov_3_dmv", 35900) == abort.NONE
    assert read_conflict(app) == "none"
    assert app.keeper.store(SAVE) == abort.NONE


def test_defaults_and_the_identity_can_be_kept_whatever_was_written() -> None:
    firmware = InlineFirmware("", 15)
    app = firmware.app
    assert write(app, "insulation_3_ohm_v", 400) == abort.NONE
    assert app.keeper.keep_identity(7, 500)
    assert app.keeper.store(SAVE) == abort.INCOMPATIBLE
    assert app.keeper.restore(LOAD) == abort.NONE
    again = Cabinet(firmware.devices, Parameters())
    assert again.parameters.get("insulation_3_ohm_v") == 100
    assert again.parameters.get("node_id") == 7
    assert again.stored.conflict() == "none"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["stored", "provisioned"])
def test_a_set_that_contradicts_at_boot_stays_open_until_it_is_corrected_and_reset(
    way: str, tmp_path
) -> None:
    config = SiteConfig(cabinets=1, interpreter="inline", soc=0.6, state=tmp_path)
    with VirtualSite(config) as site:
        if way == "stored":  # past the check, as by a program of other rules
            running(site).parameters.set("current_silent_3_ms", 60)
            assert running(site).keeper._save()
        else:
            config.parameters["current_silent_3_ms"] = 60
        closed = []
        site.after_done.append(lambda site, i, outputs: closed.append(outputs & MAIN))
        site.power_cycle(0)
        site.run_for(8.0)
        app = running(site)
        assert app.modes.state == modes.FAULT
        assert app.protection.levels()[CONFLICT - 1] == 3
        assert "current_silent_2_ms is 100, current_silent_3_ms is 60: " in read_conflict(app)
        app.modes.request_reset()
        site.run_for(3.0)
        assert app.modes.state == modes.FAULT  # nobody can talk the cabinet out of it
        assert write(app, "current_silent_3_ms", 300) == abort.NONE
        assert app.keeper.store(SAVE) == abort.NONE
        app.modes.request_reset()
        site.run_for(3.0)
        assert app.modes.state == modes.FAULT  # what it runs with is still the old set
        site.power_cycle(0)
        site.run_for(3.0)
        app = running(site)
        assert read_conflict(app) == "none"
        assert app.modes.state == modes.FAULT  # latched: the trip outlives its cause
        assert not any(closed)
        app.modes.request_reset()
        site.run_for(8.0)
        assert app.modes.state == modes.RUN


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"cell_ov_3_dmv": 43000, "cell_ov_2_dmv": 43000}, ("cell_ov_3_dmv", "chemistry")),
        ({"charge_ot_3_dc": 700}, ("charge_ot_3_dc", "chemistry")),
        ({"cell_ov_2_recover_dmv": 36200}, ("cell_ov_2_recover_dmv", "cell_ov_2_dmv")),
        ({"heat_off_mean_dc": 290}, ("heat_off_mean_dc", "cool_off_mean_dc")),
    ],
)
def test_a_virtual_site_refuses_a_set_with_both_names(values, names) -> None:
    with pytest.raises(SiteError) as caught:
        SiteConfig(parameters=values).check()
    for name in names:
        assert f"{name} is " in str(caught.value)


# typed from design page protection.md and the cells' sheets, not from the rules
def wrong(v: dict[str, int]) -> list[str]:
    """What an independent reader finds wrong with a set."""
    lfp = v["chemistry"] == 0
    found = []

    def need(good: bool, what: str) -> None:
        if not good:
            found.append(what)

    highest, lowest = (36500, 25000) if lfp else (42500, 25000)
    for of in ("cell", "string"):
        over = [v[f"{of}_ov_{n}_dmv"] for n in (1, 2, 3)]
        under = [v[f"{of}_uv_{n}_dmv"] for n in (1, 2, 3)]
        need(over == sorted(over) and over[2] <= highest, f"{of} over-voltage")
        need(over[0] >= (34000 if lfp else 40000), f"{of} over-voltage of another chemistry")
        need(under == sorted(under, reverse=True) and under[2] >= lowest, f"{of} under-voltage")
        for n in (1, 2):
            need(v[f"{of}_ov_{n}_recover_dmv"] <= v[f"{of}_ov_{n}_dmv"], f"{of} ov recovery")
            need(v[f"{of}_uv_{n}_recover_dmv"] >= v[f"{of}_uv_{n}_dmv"], f"{of} uv recovery")
    need(v["cell_uv_3_dmv"] - v["cell_uv_cold_shift_dmv"] >= v["deep_discharge_4_dmv"], "deep")
    need(v["deep_discharge_4_dmv"] >= 20000, "lockout below 2.0 V")
    hottest = {"charge": 550 if lfp else 500, "discharge": 600}
    for of in ("charge", "discharge"):
        hot = [v[f"{of}_ot_{n}_dc"] for n in (1, 2, 3)]
        need(hot == sorted(hot) and hot[2] <= hottest[of], f"{of} over-temperature")
        oc = [v[f"{of}_oc_{n}_permille"] for n in (1, 2, 3)]
        need(oc == sorted(oc), f"{of} over-current")
    need(0 < v["charge_below_zero_3_dc"] <= v["charge_ut_2_dc"] <= v["charge_ut_1_dc"], "plating")
    need(v["charging_current_permille"] <= 20, "charging unseen")
    for of in ("afe", "temp", "current", "voltage", "pcs", "insulation"):
        ages = [v[f"{of}_silent_{n}_ms"] for n in (1, 2, 3)]
        need(ages == sorted(ages), f"{of} silent")
    ohms = [v[f"insulation_{n}_ohm_v"] for n in (1, 2, 3)]
    need(ohms == sorted(ohms, reverse=True) and ohms[2] >= 100, "insulation")
    for of, unit in (("cell_spread", "dmv"), ("temp_spread", "dc"), ("terminal_hot", "dc")):
        levels = [v[f"{of}_{n}_{unit}"] for n in (1, 2, 3)]
        need(levels == sorted(levels), of)
    thermal = ("heat_on_mean_dc", "heat_off_mean_dc", "cool_off_mean_dc", "cool_on_mean_dc")
    rising = [v[name] for name in thermal]
    need(rising == sorted(set(rising)), "heater against chiller")
    need(
        v["heat_on_min_dc"] < v["heat_off_min_dc"] < v["cool_off_max_dc"] < v["cool_on_max_dc"],
        "extremes",
    )
    string_mv = v["modules_per_string"] * v["cells_per_module"] * v["string_ov_3_dmv"] // 10
    need(string_mv <= v["link_ov_3_mv"], "link")
    need(string_mv * 1000 // v["precharge_resistor_mohm"] <= 100_000, "precharge current")
    need(v["breaking_ma"] >= v["capacity_mah"] // 2 * v["discharge_oc_3_permille"] // 1000, "break")
    need(v["command_silent_1_ms"] <= v["command_silent_2_ms"] <= v["command_silent_3_ms"], "host")
    need(v["estop_3_delay_ms"] <= 10 and v["short_3_delay_ms"] <= 100, "fast trips")
    need(v["cell_ov_3_delay_ms"] <= 2000 and v["charge_below_zero_3_delay_ms"] <= 5000, "trips")
    return found


def every(parameters: Parameters) -> dict[str, int]:
    return {name: parameters.values[row] for row, name in enumerate(RANGES)}


@st.composite
def some_values(draw) -> dict[str, int]:
    """A few parameters, most near their defaults, so that sets on both sides of the rules come."""
    found = {}
    for name in draw(st.lists(st.sampled_from(sorted(RANGES)), min_size=1, max_size=4)):
        low, high = RANGES[name]
        default = Parameters().get(name)
        reach = max((high - low) // 20, 1)
        near = st.integers(max(low, default - reach), min(high, default + reach))
        found[name] = draw(st.one_of(near, near, st.integers(low, high)))
    return found


@settings(max_examples=300, deadline=None)
@given(some_values())
def test_any_set_in_range_is_refused_or_right(values: dict[str, int]) -> None:
    parameters = Parameters()
    for name, value in values.items():
        with contextlib.suppress(ValueError):  # CiA 301 reserves some within a range
            parameters.set(name, value)
    found = objections(parameters, FAULTS)
    if not found:
        assert wrong(every(parameters)) == []
    for names, sentence in found:
        assert set(names) & set(values)
        for name in names:
            assert f"{name} is {parameters.get(name)}" in sentence


def test_the_oracle_finds_the_defaults_right() -> None:
    assert wrong(every(Parameters())) == []
