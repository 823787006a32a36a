"""Which sets of parameters are refused, and in what words; the numbers are typed here."""

from bess.parameter_rules import RELATIONS, WINDOWS, ParameterJudge, _judgements, objections
from bess.parameters import TABLE, Parameters
from bess.protect.fault_table import TABLE as FAULTS
from bess.table import rows

# an NMC cabinet: 4 modules of 48 cells of 4.20 V, discharged to 3.0 V
NMC = {
    "chemistry": 1, "modules_per_string": 4,
    "cell_ov_1_dmv": 41900, "cell_ov_2_dmv": 42200, "cell_ov_3_dmv": 42500,
    "cell_ov_1_recover_dmv": 41500, "cell_ov_2_recover_dmv": 41000,
    "string_ov_1_dmv": 41700, "string_ov_2_dmv": 41900, "string_ov_3_dmv": 42200,
    "string_ov_1_recover_dmv": 41200, "string_ov_2_recover_dmv": 41400,
    "charge_taper_from_dmv": 41000, "charge_taper_to_dmv": 41600,
    "cell_uv_1_dmv": 31000, "cell_uv_2_dmv": 30000, "cell_uv_3_dmv": 27500,
    "cell_uv_1_recover_dmv": 32000, "cell_uv_2_recover_dmv": 33000,
    "string_uv_1_dmv": 32000, "string_uv_2_dmv": 31000, "string_uv_3_dmv": 28000,
    "string_uv_1_recover_dmv": 33000, "string_uv_2_recover_dmv": 32000,
    "discharge_taper_from_dmv": 34000, "discharge_taper_to_dmv": 32000,
    "balance_start_dmv": 40000,
    "charge_ot_1_dc": 400, "charge_ot_2_dc": 450, "charge_ot_3_dc": 500,
    "charge_ot_1_recover_dc": 350, "charge_ot_2_recover_dc": 400,
    "discharge_ut_1_dc": -100, "discharge_ut_2_dc": -150, "discharge_ut_3_dc": -200,
    "discharge_ut_1_recover_dc": -50, "discharge_ut_2_recover_dc": -100,
}  # fmt: skip

# parameter, last value that is taken, first that is refused, another name in the sentence
BOUNDS = (
    ("cell_ov_3_dmv", 36500, 36501, "chemistry"),
    ("cell_ov_3_dmv", 36200, 36199, "string_ov_3_dmv"),
    ("cell_ov_2_dmv", 36500, 36501, "cell_ov_3_dmv"),
    ("cell_ov_1_recover_dmv", 35800, 35801, "cell_ov_1_dmv"),
    ("cell_ov_2_recover_dmv", 36100, 36101, "cell_ov_2_dmv"),
    ("cell_ov_1_recover_dmv", 30001, 30000, "cell_uv_1_recover_dmv"),
    ("string_ov_3_dmv", 36500, 36501, "cell_ov_3_dmv"),
    ("cell_uv_3_dmv", 25000, 24999, "chemistry"),
    ("cell_uv_3_dmv", 26000, 26001, "string_uv_3_dmv"),
    ("cell_uv_1_dmv", 28000, 27999, "cell_uv_2_dmv"),
    ("discharge_taper_to_dmv", 29000, 28999, "string_uv_2_dmv"),
    ("cell_uv_1_recover_dmv", 29000, 28999, "cell_uv_1_dmv"),
    ("cell_uv_cold_shift_dmv", 5000, 5001, "allowed are"),
    ("deep_discharge_4_dmv", 23000, 23001, "cell_uv_cold_shift_dmv"),
    ("deep_discharge_4_dmv", 20000, 19999, "chemistry"),
    ("charge_taper_to_dmv", 35800, 35801, "string_ov_2_dmv"),
    ("charge_taper_from_dmv", 35499, 35500, "charge_taper_to_dmv"),
    ("discharge_taper_from_dmv", 30001, 30000, "discharge_taper_to_dmv"),
    ("balance_start_dmv", 34000, 33999, "chemistry"),
    ("charge_ot_3_dc", 550, 551, "chemistry"),
    ("charge_ot_2_dc", 450, 449, "charge_ot_1_dc"),
    ("charge_ot_1_recover_dc", 450, 451, "charge_ot_1_dc"),
    ("discharge_ot_3_dc", 600, 601, "chemistry"),
    ("charge_below_zero_3_dc", 1, 0, "chemistry"),
    ("charge_below_zero_3_dc", 20, 21, "charge_ut_2_dc"),
    ("charge_ut_1_recover_dc", 50, 49, "charge_ut_1_dc"),
    ("discharge_ut_3_dc", -350, -351, "chemistry"),
    ("discharge_ut_3_dc", -330, -329, "discharge_ut_2_dc"),
    ("charge_oc_1_permille", 1100, 1101, "charge_oc_2_permille"),
    ("discharge_oc_2_permille", 1250, 1251, "discharge_oc_3_permille"),
    ("discharge_oc_1_recover_permille", 1050, 1051, "discharge_oc_1_permille"),
    ("short_3_permille", 350, 349, "discharge_oc_3_permille"),
    ("current_range_ma", 175000, 174999, "capacity_mah"),
    ("breaking_ma", 175000, 174999, "capacity_mah"),
    ("current_silent_1_ms", 100, 101, "current_silent_2_ms"),
    ("current_silent_3_ms", 100, 99, "current_silent_2_ms"),
    ("afe_silent_2_ms", 3000, 3001, "afe_silent_3_ms"),
    ("command_silent_2_ms", 300, 299, "command_silent_1_ms"),
    ("command_silent_3_ms", 500, 499, "allowed are"),
    ("cell_spread_1_recover_dmv", 1000, 1001, "cell_spread_1_dmv"),
    ("temp_spread_3_dc", 80, 79, "temp_spread_2_dc"),
    ("insulation_3_ohm_v", 300, 301, "insulation_2_ohm_v"),
    ("insulation_2_recover_ohm_v", 300, 299, "insulation_2_ohm_v"),
    ("terminal_hot_3_dc", 800, 799, "terminal_hot_2_dc"),
    ("pcs_excess_3_permille", 30, 29, "pcs_excess_1_permille"),
    ("supply_low_3_mv", 19000, 19001, "supply_low_2_mv"),
    ("supply_high_1_recover_mv", 22001, 22000, "supply_low_1_recover_mv"),
    ("afe_hot_2_dc", 1000, 999, "afe_hot_1_dc"),
    ("balance_board_max_dc", 999, 1000, "afe_hot_1_dc"),
    ("precharge_hot_2_recover_permille", 1000, 1001, "allowed are"),
    ("precharge_hot_2_permille", 500, 499, "precharge_hot_2_recover_permille"),
    ("precharge_resistor_mohm", 8680, 8679, "cells_per_module"),
    ("precharge_rated_j", 536, 535, "precharge_resistor_mohm"),
    ("precharge_cooling_s", 30, 29, "precharge_rated_j"),
    ("contactor_settle_ms", 299, 300, "contactor_feedback_4_delay_ms"),
    ("weld_gap_mv", 8688, 8687, "cells_per_module"),
    ("link_ov_3_mv", 868800, 868799, "string_ov_3_dmv"),
    ("cells_per_module", 54, 55, "allowed are"),
    ("modules_per_string", 5, 6, "cells_per_module"),
    ("open_wait_ms", 1000, 999, "ramp_stop_permille_s"),
    ("heat_on_mean_dc", 240, 241, "heat_off_mean_dc"),
    ("heat_off_mean_dc", 260, 261, "cool_off_mean_dc"),
    ("heat_off_min_dc", 200, 201, "temp_spread_3_dc"),
    ("cool_off_max_dc", 270, 269, "heat_off_mean_dc"),
    ("charge_ot_1_dc", 400, 319, "cool_on_max_dc"),
    ("tpdo1_sync_start", 240, 241, "allowed are"),
    ("sync_counter_overflow", 0, -1, "allowed are"),
)  # fmt: skip


def with_values(values):
    parameters = Parameters()
    for name in values:
        parameters.set(name, values[name])
    return parameters


def sentences(values):
    """All that is said against the defaults with these values."""
    try:
        return [sentence for _, sentence in objections(with_values(values), FAULTS)]
    except ValueError as error:
        return [error.args[0]]


def test_the_defaults_contradict_nothing():
    assert sentences({}) == []


def test_a_set_for_nmc_is_taken_with_its_chemistry_only():
    assert sentences(NMC) == []
    as_lfp = dict(NMC)
    as_lfp["chemistry"] = 0
    told = " ".join(sentences(as_lfp))
    for name in ("cell_ov_3_dmv", "string_ov_3_dmv", "charge_taper_to_dmv", "balance_start_dmv"):
        assert name + " is " in told, name
    told = " ".join(sentences({"chemistry": 1}))
    for name in ("cell_ov_3_dmv", "string_ov_1_dmv", "charge_ot_3_dc", "discharge_ut_3_dc"):
        assert name + " is " in told, name
    assert "chemistry is 1" in told


def test_each_bound_is_taken_and_the_next_value_refused_with_both_names():
    for name, last, first, other in BOUNDS:
        assert sentences({name: last}) == [], (name, last)
        told = sentences({name: first})
        assert [s for s in told if f"{name} is {first}" in s and other in s], (name, told)


def test_the_sentence_tells_both_values_and_what_to_do():
    told = sentences({"cell_ov_2_dmv": 36501})
    assert any("cell_ov_2_dmv is 36501, cell_ov_3_dmv is 36500: " in s for s in told)
    assert all(s.endswith("correct one of them") for s in told)


def test_no_line_of_the_rules_is_idle():
    """Each can be broken by values in their ranges, and says so with its names."""
    ranges = {}
    for fields in rows(TABLE):
        ranges[fields[1]] = (int(fields[3], 0), int(fields[4], 0))
    for text in (RELATIONS, WINDOWS):
        for fields in rows(text):
            names = [word for word in fields[: fields.index(":")] if word in ranges]
            tries = [{name: value} for name in names for value in ranges[name]]
            tries.append({name: ranges[name][0 if name != names[0] else 1] for name in names})
            assert any(told_together(with_values(values), *names) for values in tries), fields


def test_levels_are_ordered_and_recover_on_their_well_side_for_every_fault():
    for fields in rows(FAULTS):
        name, unit, marks = fields[1], fields[4], fields[6]
        if unit == "flag":
            continue
        step = 1 if fields[3] == "over" else -1
        keys = [name + "_" + ("3" if mark == "S" else mark) + "_" for mark in marks]
        for at in range(1, len(keys)):
            milder, graver = keys[at - 1], keys[at]
            parameters = Parameters()
            beyond = parameters.get(graver + unit) + step
            parameters.values[parameters.row(milder + unit)] = beyond
            assert told_together(parameters, milder + unit, graver + unit), milder
        for key in keys:
            parameters = Parameters()
            recover = key + "recover_" + unit
            if parameters.has(recover):
                beyond = parameters.get(key + unit) + step
                parameters.values[parameters.row(recover)] = beyond
                assert told_together(parameters, recover, key + unit), recover


def told_together(parameters, *names):
    """A line that names the first of them tells them all."""
    return any(
        all(name in found and name + " is " in sentence for name in names)
        for _, of_line in _judgements(parameters, FAULTS, names[0])
        for found, sentence in of_line
    )


def test_what_trips_may_not_wait_longer_than_its_hazard_bears():
    """Ranges typed from protection.md: one value alone is enough to leave a hazard standing."""
    page = {
        "estop_3_delay_ms": 10, "hvil_3_delay_ms": 100, "module_pulled_3_delay_ms": 30,
        "cell_ov_3_delay_ms": 2000, "cell_uv_3_delay_ms": 5000, "charge_oc_3_delay_ms": 1000,
        "discharge_oc_3_permille": 1500, "short_3_delay_ms": 100, "charge_ot_3_delay_ms": 5000,
        "charge_below_zero_3_delay_ms": 5000, "charging_current_permille": 20,
        "precharge_match_permille": 30, "precharge_match_mv": 20000, "precharge_current_ma": 1000,
        "breaking_wait_ms": 2000, "limit_rise_ma_s_per_100a": 500, "terminal_hot_3_dc": 1050,
        "smoke_3_delay_ms": 1000, "gas_3_delay_ms": 1000, "current_silent_3_ms": 500,
    }  # fmt: skip
    for name, most in page.items():
        assert sentences({name: most + 1}), name
    for name, least in (("insulation_3_ohm_v", 100), ("insulation_2_ohm_v", 300)):
        assert sentences({name: least - 1}), name


def test_a_write_is_judged_by_the_lines_that_name_it_and_forgiven_when_it_is_corrected():
    for values in (NMC, {"cell_ov_2_dmv": 36501}, {"cool_on_max_dc": 250}, {"chemistry": 1}):
        parameters = Parameters()
        judge = ParameterJudge(parameters, FAULTS)
        assert judge.objection() == ""
        for name in values:
            parameters.set(name, values[name])
            judge.changed(name)
            told = [sentence for _, sentence in objections(parameters, FAULTS)]
            assert (judge.objection() in told) if told else judge.objection() == "", name
        for name in values:
            parameters.set(name, Parameters().get(name))
            judge.changed(name)
        assert judge.objection() == ""


def test_a_set_that_contradicts_from_the_start_is_told():
    judge = ParameterJudge(with_values({"insulation_3_ohm_v": 400}), FAULTS)
    assert "insulation_3_ohm_v is 400, insulation_2_ohm_v is 300" in judge.objection()


def test_what_was_corrected_without_a_word_is_forgiven_when_it_is_asked_for():
    parameters = with_values({"insulation_3_ohm_v": 400, "cool_on_max_dc": 250})
    judge = ParameterJudge(parameters, FAULTS)
    assert judge.objection() != ""
    for name in ("insulation_3_ohm_v", "cool_on_max_dc"):
        parameters.set(name, Parameters().get(name))
    assert judge.objection() == ""


def test_a_contradiction_that_is_written_again_and_again_is_kept_once():
    parameters = with_values({"insulation_3_ohm_v": 400})
    judge = ParameterJudge(parameters, FAULTS)
    before = len(judge._wrong)
    for _ in range(3):
        judge.changed("insulation_3_ohm_v")
    assert len(judge._wrong) == before


def test_a_write_costs_the_lines_that_name_it_and_none_where_no_line_does():
    parameters = Parameters()
    for name, windows, faults in (
        ("node_id", 0, 0), ("balance_start_dmv", 1, 0), ("cell_ov_2_dmv", 1, 1),
        ("chemistry", len(list(rows(WINDOWS))), 0),
    ):  # fmt: skip
        texts = [line >> 16 for line, _ in _judgements(parameters, FAULTS, name)]
        assert (texts.count(0), texts.count(1)) == (windows, faults), name


def test_a_flag_has_no_thresholds_that_could_contradict():
    flags = b" 1 estop estop over flag - 123 both 10 0x9000 -\n"
    assert objections(Parameters(), flags) == []


def test_the_sentences_to_the_letter():
    for values, sentence in (
        ({"cell_ov_2_dmv": 36501},
         "cell_ov_2_dmv is 36501, chemistry is 0: cell_ov_2_dmv must be at most 36500 (for lfp: "
         "no sheet permits a higher charge voltage, and a lower one is never full); "
         "correct one of them"),
        ({"charge_below_zero_3_dc": 0},
         "charge_below_zero_3_dc is 0, chemistry is 0: charge_below_zero_3_dc must be at least 1 "
         "(for lfp: charging at 0 degC and below plates lithium); correct one of them"),
        ({"open_wait_ms": 999},
         "ramp_stop_permille_s is 1000, open_wait_ms is 999: ramp_stop_permille_s * open_wait_ms "
         "(= 999000) must be at least 1000000 (power must have ramped to zero before the "
         "contactors open); correct one of them"),
        ({"precharge_cooling_s": 29},
         "precharge_rated_j is 6000, precharge_cooling_s is 29: precharge_rated_j / "
         "precharge_cooling_s (= 206) must be at most 200 (the resistor would shed more than "
         "200 W, which none of this kind does); correct one of them"),
        ({"charge_taper_from_dmv": 35500},
         "charge_taper_from_dmv is 35500, charge_taper_to_dmv is 35500: charge_taper_from_dmv "
         "must be below charge_taper_to_dmv (the limit falls towards full); "
         "correct one of them"),
    ):  # fmt: skip
        assert sentence in sentences(values)


def test_a_name_stands_once_in_the_table():
    """Parameters are found by their name between spaces, wherever the search begins."""
    for fields in rows(TABLE):
        assert TABLE.count(b" " + fields[1].encode() + b" ") == 1, fields[1]


def test_values_are_found_in_any_order():
    parameters = Parameters()
    wanted = [(fields[1], int(fields[2], 0)) for fields in rows(TABLE)]
    for step in (1, 7, 101, 453):
        at = 0
        for _ in wanted:
            at = (at + step) % len(wanted)
            assert parameters.get(wanted[at][0]) == wanted[at][1]
