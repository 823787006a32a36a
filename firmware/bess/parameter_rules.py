"""What parameters may not be together: each may lie in its range and still contradict another.

RELATIONS: `left < right : why` or `<=`; a side is a number, a name, or a chain of both with
+ - * / between, worked off from left to right, in integers. WINDOWS: lowest and highest for
LFP, for NMC, then such a side: what a cell of that chemistry bears, so that numbers of the
other one are refused. Levels and recoveries need no lines: they follow from the fault table.

An objection is (names, sentence): the parameters that contradict, and the sentence that tells
each with its value.
"""

from bess.table import rows_at

CHEMISTRIES = ("lfp", "nmc")  # parameter `chemistry`

RELATIONS = b"""\
# tapers reach zero before a limit must, so that no charge or discharge ends in a trip
charge_taper_from_dmv < charge_taper_to_dmv : the limit falls towards full
charge_taper_to_dmv <= cell_ov_2_dmv : the allowed current is zero before a cell is too high
charge_taper_to_dmv <= string_ov_2_dmv : the allowed current is zero before the string is too high
discharge_taper_to_dmv < discharge_taper_from_dmv : the limit falls towards empty
cell_uv_2_dmv <= discharge_taper_to_dmv : the allowed current is zero before a cell is too low
string_uv_2_dmv <= discharge_taper_to_dmv : the allowed current is zero before the string is too low
discharge_taper_from_dmv < charge_taper_from_dmv : empty and full may not overlap
# the string sensor is the second opinion on the cells: a mean never lies beyond its extreme
string_ov_3_dmv <= cell_ov_3_dmv : the string must trip where its cells are bound to
cell_uv_3_dmv <= string_uv_3_dmv : the string must trip where its cells are bound to
# else both directions can stay blocked at once
cell_uv_1_recover_dmv < cell_ov_1_recover_dmv : between them the cells are well
cell_uv_2_recover_dmv < cell_ov_2_recover_dmv : between them the cells are well
string_uv_1_recover_dmv < string_ov_1_recover_dmv : between them the string is well
string_uv_2_recover_dmv < string_ov_2_recover_dmv : between them the string is well
deep_discharge_4_dmv <= cell_uv_3_dmv - cell_uv_cold_shift_dmv : a trip comes before the lockout, also in the cold
# limits.CHARGED_DMV: a string that was emptied is charged up to 3.00 V before it may discharge
cell_uv_3_dmv < 30000 : a recharged string (3.00 V) must lie above the trip
string_uv_3_dmv < 30000 : a recharged string (3.00 V) must lie above the trip
# limits.py allows 0.5C at most; contactors must break, and the sensor must see, what trips
capacity_mah / 2 * charge_oc_3_permille / 1000 <= current_range_ma / 1000 * short_3_permille : at 0.5C an over-current trips below a short and within the sensor's range
capacity_mah / 2 * discharge_oc_3_permille / 1000 <= current_range_ma / 1000 * short_3_permille : at 0.5C an over-current trips below a short and within the sensor's range
charge_oc_3_permille <= short_3_permille * 6 : a short is counted from 3C, an over-current from 0.5C
discharge_oc_3_permille <= short_3_permille * 6 : a short is counted from 3C, an over-current from 0.5C
capacity_mah / 2 * charge_oc_3_permille / 1000 <= breaking_ma : the contactors must break what trips them at 0.5C
capacity_mah / 2 * discharge_oc_3_permille / 1000 <= breaking_ma : the contactors must break what trips them at 0.5C
# charging below 0 degC plates lithium: it is limited before it trips
charge_below_zero_3_dc <= charge_ut_2_dc : the limit comes before the trip
command_silent_1_ms <= command_silent_2_ms : flagged before power ramps to zero
command_silent_2_ms <= command_silent_3_ms : power ramps to zero before the contactors open
# contactors and precharge
contactor_settle_ms < contactor_feedback_4_delay_ms : a contactor needs its time before its feedback locks out
contactor_settle_ms < precharge_timeout_ms : a contactor needs its time before the try has failed
modules_per_string * cells_per_module * string_ov_3_dmv / precharge_resistor_mohm <= 1000 : the precharge current (0.1 A) is counted as heat up to 100 A
modules_per_string * cells_per_module * string_ov_3_dmv / 10000 * modules_per_string * cells_per_module / 100 * string_ov_3_dmv / precharge_resistor_mohm / 10 <= precharge_rated_j / 4 : 10 ms on a shorted link (J) stay within a quarter of the resistor's rating
precharge_rated_j / precharge_cooling_s <= 200 : the resistor would shed more than 200 W, which none of this kind does
modules_per_string * cells_per_module * string_ov_3_dmv / 1000 <= weld_gap_mv : 1 % of a full string (mV) is what its sensors may err
modules_per_string * cells_per_module * string_ov_3_dmv / 10 <= link_ov_3_mv : the link must bear what the string reaches (mV)
1000000 <= ramp_stop_permille_s * open_wait_ms : power must have ramped to zero before the contactors open
# two register groups of 15 front ends are 2 ms on a 1 MHz bus, the most a slice may take
cells_per_module + 17 / 18 * modules_per_string <= 15 : no more front ends than a scan can read
# thermal: 1 K of hysteresis, 2 K between a heater that ends and a chiller that ends
heat_on_mean_dc + 10 <= heat_off_mean_dc : the heater would chatter
heat_on_min_dc + 10 <= heat_off_min_dc : the heater would chatter
cool_off_mean_dc + 10 <= cool_on_mean_dc : the chiller would chatter
cool_off_max_dc + 10 <= cool_on_max_dc : the chiller would chatter
heat_off_mean_dc + 20 <= cool_off_mean_dc : heater and chiller would work against each other
heat_off_min_dc + 20 <= cool_off_max_dc : heater and chiller would work against each other
heat_off_mean_dc + 20 <= cool_off_max_dc : heater and chiller would work against each other
heat_off_min_dc + 20 <= cool_off_mean_dc : heater and chiller would work against each other
heat_off_min_dc + temp_spread_3_dc <= cool_on_max_dc : with the widest spread the coldest cell would be heated while the hottest is cooled
cool_on_max_dc <= charge_ot_1_dc : cooling begins before the warning
circulate_off_dc + 10 <= circulate_on_dc : the pump would chatter
circulate_on_dc <= temp_spread_1_dc : cells are mixed before their spread is a warning
heat_on_min_dc + 10 <= island_heat_off_dc : the heater would chatter in an island
cool_outlet_dc <= blind_supply_dc : what is safe blind lies no colder than what is coldest
balance_board_max_dc < afe_hot_1_dc : bleeding ends before the front ends are too hot
supply_low_1_recover_mv < supply_high_1_recover_mv : between them the supply is well
supply_low_2_recover_mv < supply_high_2_recover_mv : between them the supply is well
# who cannot report does not obey
rpdo1_enabled <= tpdo1_enabled : a cabinet that takes commands must tell its status
tpdo1_sync_start <= sync_counter_overflow : a SYNC that never comes never starts it
tpdo2_sync_start <= sync_counter_overflow : a SYNC that never comes never starts it
tpdo3_sync_start <= sync_counter_overflow : a SYNC that never comes never starts it
tpdo4_sync_start <= sync_counter_overflow : a SYNC that never comes never starts it
tpdo5_sync_start <= sync_counter_overflow : a SYNC that never comes never starts it
tpdo6_sync_start <= sync_counter_overflow : a SYNC that never comes never starts it
"""

# LFP: charged to 3.65 V, discharged to 2.5 V, to 2.0 V at 0 degC and below, charged at
# 0..55 degC (sheets: up to 60), discharged at -35..60 degC (EVE LF280 family, Lishen LP54173207).
# NMC: 4.20 V with 0.05 V of tolerance, 2.5 V, charged at 0..50 degC, discharged at -20..60 degC
# (LG 18650 family, the cell of nmc.py). Below 2.0 V copper dissolves in both.
WINDOWS = b"""\
34000 36500  40000 42500  cell_ov_1_dmv : no sheet permits a higher charge voltage, and a lower one is never full
34000 36500  40000 42500  cell_ov_2_dmv : no sheet permits a higher charge voltage, and a lower one is never full
34000 36500  40000 42500  cell_ov_3_dmv : no sheet permits a higher charge voltage, and a lower one is never full
34000 36500  40000 42500  string_ov_1_dmv : no sheet permits a higher charge voltage, and a lower one is never full
34000 36500  40000 42500  string_ov_2_dmv : no sheet permits a higher charge voltage, and a lower one is never full
34000 36500  40000 42500  string_ov_3_dmv : no sheet permits a higher charge voltage, and a lower one is never full
34000 36500  40000 42500  charge_taper_to_dmv : where the cell is full
25000 32000  25000 35000  cell_uv_1_dmv : no sheet permits a lower discharge, and a higher one is never empty
25000 32000  25000 35000  cell_uv_2_dmv : no sheet permits a lower discharge, and a higher one is never empty
25000 30000  25000 30000  cell_uv_3_dmv : no sheet permits a lower discharge, and a higher one is never empty
20000 30000  25000 30000  cell_uv_3_dmv - cell_uv_cold_shift_dmv : no sheet permits a lower discharge in the cold
25000 32000  25000 35000  string_uv_1_dmv : no sheet permits a lower discharge, and a higher one is never empty
25000 32000  25000 35000  string_uv_2_dmv : no sheet permits a lower discharge, and a higher one is never empty
25000 30000  25000 30000  string_uv_3_dmv : no sheet permits a lower discharge, and a higher one is never empty
20000 25000  20000 25000  deep_discharge_4_dmv : copper dissolves below, and above it the cell is only empty
25000 32000  25000 36000  discharge_taper_to_dmv : where the cell is empty
34000 36500  36000 42500  balance_start_dmv : below it voltage does not tell charge
300 550  300 500  charge_ot_1_dc : no sheet permits to charge hotter
300 550  300 500  charge_ot_2_dc : no sheet permits to charge hotter
300 550  300 500  charge_ot_3_dc : no sheet permits to charge hotter
1 200  1 200  charge_below_zero_3_dc : charging at 0 degC and below plates lithium
1 200  1 200  charge_ut_1_dc : charging at 0 degC and below plates lithium
1 200  1 200  charge_ut_2_dc : charging at 0 degC and below plates lithium
300 600  300 600  discharge_ot_1_dc : no sheet permits to discharge hotter
300 600  300 600  discharge_ot_2_dc : no sheet permits to discharge hotter
300 600  300 600  discharge_ot_3_dc : no sheet permits to discharge hotter
-350 200  -200 200  discharge_ut_1_dc : no sheet permits to discharge colder
-350 200  -200 200  discharge_ut_2_dc : no sheet permits to discharge colder
-350 200  -200 200  discharge_ut_3_dc : no sheet permits to discharge colder
"""


_WINDOWS = 0  # of the texts that are judged
_FAULTS = 1
_TEXT = 16  # bits of an offset in a text


def objections(parameters, faults):
    """All objections to a set; empty where it may be used.

    parameters: bess.parameters.Parameters; faults: text of the fault table.
    """
    found = []
    for _, of_line in _judgements(parameters, faults, None):
        found.extend(of_line)
    return found


class ParameterJudge:
    """Keeps what contradicts, so that a write costs only the lines that name its parameter.

    parameters, faults: as above. Judging the whole set takes too long for any task: it is done
    here, at the start.
    """

    def __init__(self, parameters, faults):
        self._parameters = parameters
        self._faults = faults
        self._wrong = []  # lines that do not hold
        self.changed(None)

    def changed(self, name):
        """Judge again what names a parameter, None for all."""
        for line, found in _judgements(self._parameters, self._faults, name):
            if line in self._wrong:
                self._wrong.remove(line)
            if found:
                self._wrong.append(line)

    def objection(self):
        """Sentence of one contradiction, "" where the set may be used."""
        chemistry = self._parameters.get("chemistry")
        while self._wrong:
            line = self._wrong[0]
            number = line >> _TEXT
            fields = _fields(_texts(self._faults)[number], line & (1 << _TEXT) - 1)
            found = _judge(self._parameters, chemistry, number, fields)
            if found:
                return found[0][1]
            self._wrong.pop(0)  # corrected past `changed`
        return ""


def _texts(faults):
    return WINDOWS, faults, RELATIONS


def _judgements(parameters, faults, name):
    """Yield (line, its objections) of the lines that name a parameter; of all without one."""
    texts = _texts(faults)
    chemistry = parameters.get("chemistry")
    for number in range(len(texts)):
        text = texts[number]
        word = name
        if number == _FAULTS:
            word = _fault_of(name)
        elif number == _WINDOWS and name == "chemistry":
            word = None
        for offset, fields in rows_at(text) if word is None else _naming(text, word):
            yield number << _TEXT | offset, _judge(parameters, chemistry, number, fields)


def _naming(text, word):
    """Yield (offset, fields) of the lines with a word in them."""
    key = word.encode() + b" "
    at = text.find(key)
    while at >= 0:
        start = text.rfind(b"\n", 0, at) + 1
        yield start, _fields(text, start)
        at = text.find(key, text.find(b"\n", at))


def _fields(text, start):
    return text[start : text.find(b"\n", start)].decode().split()


def _fault_of(name):
    """Fault whose level a parameter belongs to, None for None."""
    if name is None:
        return None
    for mark in "1234":
        fault, level, _ = name.partition("_" + mark + "_")
        if level:
            return fault
    return name


def _judge(parameters, chemistry, number, fields):
    """Objections to a line."""
    if number == _FAULTS:
        return [] if fields[4] == "flag" else _judge_levels(parameters, fields)
    colon = fields.index(":")
    why = " ".join(fields[colon + 1 :])
    if number == _WINDOWS:
        low, high = fields[2 * chemistry : 2 * chemistry + 2]
        why = "for " + CHEMISTRIES[chemistry] + ": " + why
        side = fields[4:colon]
        return _compare(parameters, [low], "<=", side, why, "chemistry") or _compare(
            parameters, side, "<=", [high], why, "chemistry"
        )
    sign = "<" if "<" in fields else "<="
    at = fields.index(sign)
    return _compare(parameters, fields[:at], sign, fields[at + 1 : colon], why, None)


def _judge_levels(parameters, fields):
    """Objections to the thresholds of a fault: levels in their order, each with its recovery."""
    name, unit = fields[1], fields[4]
    over = fields[3] == "over"
    milder = None
    found = []
    for mark in fields[6]:
        key = name + "_" + ("3" if mark == "S" else mark) + "_"
        level = key + unit
        recover = key + "recover_" + unit
        if mark in "12" and parameters.has(recover):
            found += _order(parameters, recover, level, over, "it recovers on the well side")
        if milder:
            found += _order(parameters, milder, level, over, "a milder level acts first")
        milder = level
    return found


def _order(parameters, well, ill, over, why):
    low, high = (well, ill) if over else (ill, well)
    return _compare(parameters, [low], "<=", [high], why, None)


def _compare(parameters, left, sign, right, why, also):
    """One objection where `left sign right` does not hold, else none. also: a name to tell too."""
    left_value = _value(parameters, left)
    right_value = _value(parameters, right)
    if left_value < right_value or (sign == "<=" and left_value == right_value):
        return []
    names = []
    for word in left + right + [also or "0"]:
        if word[-1].isalpha() and word not in names:
            names.append(word)
    values = ", ".join(["{} is {}".format(name, parameters.get(name)) for name in names])
    words = ("below", "at most")
    if not left[-1][-1].isalpha() and len(left) == 1:  # a person reads the name first
        left, left_value, right, right_value = right, right_value, left, left_value
        words = ("above", "at least")
    text = "{}: {} must be {} {} ({}); correct one of them".format(
        values, _shown(left, left_value), words[0 if sign == "<" else 1],
        _shown(right, right_value), why,
    )  # fmt: skip
    return [(names, text)]


def _shown(side, value):
    """A side for a person: with its value, where that has to be worked out."""
    return " ".join(side) + ("" if len(side) == 1 else " (= {})".format(value))


def _value(parameters, side):
    """What a side is worth, worked off from left to right."""
    total = 0
    sign = "+"
    for at in range(0, len(side), 2):
        word = side[at]
        value = parameters.get(word) if word[-1].isalpha() else int(word)
        if sign == "+":
            total += value
        elif sign == "-":
            total -= value
        elif sign == "*":
            total *= value
        else:
            total //= value
        sign = side[at + 1] if at + 1 < len(side) else sign
    return total
