"""The core protections, each by the contract, with numbers typed from protection.md."""

import pytest
from kit.contract import LOCKOUT, TRIP, ProtectionContract
from kit.oracle import RECOVER, TRIPS

IDS = {
    "cell_ov": 19, "cell_uv": 20, "deep_discharge": 51, "string_ov": 21, "string_uv": 22,
    "charge_oc": 5, "discharge_oc": 6, "short": 4, "charge_ot": 23, "charge_below_zero": 52,
    "discharge_ot": 25, "discharge_ut": 26, "temp_rise": 71, "cell_spread": 53, "temp_spread": 54,
    "insulation": 75, "terminal_hot": 78, "hvil": 2, "estop": 1, "module_pulled": 3,
    "current_silent": 7, "afe_silent": 27, "pcs_silent": 9, "contactor_feedback": 11,
    "contactor_welded": 12,
}  # fmt: skip


def _contract(name: str) -> type[ProtectionContract]:
    signal, sign, threshold, samples, level, charging = TRIPS[name]
    # far on the good side of every level of the same fault, so that only this one is judged
    well = RECOVER.get(name, threshold) - sign * (500 if abs(threshold) > 100 else 0)
    members = {
        "fault": IDS[name], "signal": signal, "level": level, "threshold": threshold,
        "samples": samples, "over": sign > 0, "well": well, "gate": "charging" if charging else "",
    }  # fmt: skip
    return type(f"Test_{name}", (ProtectionContract,), members)


for _name in TRIPS:
    globals()[f"Test_{_name}"] = _contract(_name)


@pytest.mark.parametrize("name", list(TRIPS))
def test_every_core_trip_has_its_contract(name: str) -> None:
    cls = globals()[f"Test_{name}"]
    assert issubclass(cls, ProtectionContract)
    assert cls.level in (TRIP, LOCKOUT)
