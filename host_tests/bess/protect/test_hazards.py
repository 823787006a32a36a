"""Which actuators a standing fault switches off, typed apart from the firmware's table."""

import pytest
from rigs.faults import protection_of

from bess.measure import signals as s
from bess.measure.signals import Signals
from bess.parameters import Parameters
from bess.protect import hazards
from bess.protect.fault_table import fault_rows
from bess.table import rows

H, C, P, B = 1, 2, 4, 8
EXPECTED = {
    "estop": H | C | P | B, "gas": H | C | P | B, "module_pulled": H | C | P | B,
    "task_stopped": H | C | P | B, "smoke": H | C | B, "hvil": H | C, "door": C, "compressor": C,
    "condensation": C, "coolant_flow": H | C, "flow_stuck": H | C, "heater_stuck": H,
    "charge_ot": H, "discharge_ot": H, "temp_rise": H, "temp_silent": H | B,
    "afe_silent": H | B, "sensors_lost": H | B, "chiller_silent": H | C,
    "wrong_module": B, "open_wire": B,
    "afe_self_test": B, "cell_uv": B, "deep_discharge": B, "ram_test": H | C | B,
    "program_hash": H | C | B, "heap_used": H | C | B, "clock": H | C | B,
}  # fmt: skip
FAULTS = {fields[1]: fields for fields in fault_rows()}


def test_the_bits_are_those_that_actuators_look_at():
    assert (hazards.HEATER, hazards.CHILLER, hazards.PUMP, hazards.BLEEDING) == (H, C, P, B)


def test_every_row_names_a_fault_of_the_table_once():
    named = [fields[0] for fields in rows(hazards.TABLE)]
    assert len(named) == len(set(named))
    assert set(named) <= set(FAULTS)


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_standing_fault_stops_its_actuators_at_each_of_its_levels_and_no_others(name):
    fields = FAULTS[name]
    unit = fields[4]
    parameters = Parameters()
    for mark in fields[6]:
        signals = Signals()
        protection = protection_of(signals, lambda *event: None, parameters=parameters)
        key = name + "_" + ("3" if mark == "S" else mark)
        limit = 0 if unit == "flag" else parameters.get(key + "_" + unit)
        bad = limit + (1 if fields[3] == "over" else -1)
        signals.put(s.CHARGING, 1)
        signal = s.names().index(fields[2])
        now_ms = 0
        while not protection.worst_level:
            signals.put(signal, bad)
            protection.evaluate_fast(now_ms)
            protection.evaluate_cells(now_ms)
            now_ms += int(fields[8])
            assert now_ms < 1_000_000
        stops = 0
        for other, row in FAULTS.items():  # the same sample may raise more than one
            if protection.levels()[int(row[0]) - 1]:
                stops |= EXPECTED.get(other, 0)
        assert protection.stops == stops
