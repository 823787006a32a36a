"""The core protections, each by the contract, with numbers typed from protection.md."""

import pytest
from kit.contract import LOCKOUT, TRIP, ProtectionContract
from kit.oracle import TRIPS

from bess.protect.fault_table import TABLE
from bess.table import rows

IDS = {
    "cell_ov": 19, "cell_uv": 20, "deep_discharge": 51, "string_ov": 21, "string_uv": 22,
    "charge_oc": 5, "discharge_oc": 6, "short": 4, "charge_ot": 23, "charge_below_zero": 52,
    "discharge_ot": 25, "discharge_ut": 26, "temp_rise": 71, "cell_spread": 53, "temp_spread": 54,
    "insulation": 75, "insulation_silent": 76, "terminal_hot": 78, "terminal_sensor": 79,
    "pcs_hot": 88, "hvil": 2, "estop": 1, "smoke": 36, "gas": 37, "enable_lost": 39,
    "module_pulled": 3, "current_silent": 7, "current_sign": 100, "voltage_silent": 8,
    "afe_silent": 27, "temp_silent": 28, "sensors_lost": 61, "open_wire": 30, "afe_self_test": 32,
    "wrong_module": 63, "fuse_open": 56, "link_ov": 57, "link_reversed": 58, "supply_low": 65,
    "pcs_silent": 9, "pcs_fault": 14, "pcs_excess": 64, "blocked_charge": 96,
    "blocked_discharge": 97, "repeated_stops": 101, "contactor_feedback": 11,
    "contactor_welded": 12, "contactor_stuck": 40, "precharge": 13, "task_stopped": 15,
    "heap_used": 16, "self_test": 17, "clock": 43, "ram_test": 45, "program_hash": 46,
    "parameters_corrupt": 47, "parameters_conflict": 118, "unclean_stop": 49,
}  # fmt: skip


def _contract(name: str) -> type[ProtectionContract]:
    trip = TRIPS[name]
    gone = trip.threshold if trip.recover is None else trip.recover
    # far on the good side of every level of the same fault, so that only this one is judged
    well = gone - trip.sign * (500 if abs(trip.threshold) > 100 else 0)
    members = {
        "fault": IDS[name], "signal": trip.signal, "level": trip.level,
        "threshold": trip.threshold, "samples": trip.samples, "over": trip.sign > 0,
        "well": well, "gate": "charging" if trip.while_charging else "",
    }  # fmt: skip
    return type(f"Test_{name}", (ProtectionContract,), members)


for _name in TRIPS:
    globals()[f"Test_{_name}"] = _contract(_name)


@pytest.mark.parametrize("name", list(TRIPS))
def test_every_core_trip_has_its_contract(name: str) -> None:
    cls = globals()[f"Test_{name}"]
    assert issubclass(cls, ProtectionContract)
    assert cls.level in (TRIP, LOCKOUT)


def test_the_oracle_knows_every_row_that_latches() -> None:
    latching = {
        fields[1] for fields in rows(TABLE) if "3" in fields[6] or "4" in fields[6]
    }  # fmt: skip
    assert latching == set(TRIPS) == set(IDS)


def test_a_contract_that_contradicts_its_row_says_so() -> None:
    class Upside(ProtectionContract):
        fault, signal, level, threshold, samples, over = 19, "cell_max", TRIP, 36500, 10, False

    with pytest.raises(AssertionError, match="the row cell_ov is judged over, its contract says"):
        Upside().build()
