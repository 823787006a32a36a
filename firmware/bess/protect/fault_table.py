"""THE fault table: what is judged, how severe, what it does.

Columns: id, name, signal (bess.measure.signals; - for the fault's own name), over or under, unit
of the thresholds (`flag` is 0 and needs no parameter), gate (signal that must be non-zero, or -),
levels, direction that level 2 limits (charge, discharge, both), sample period in ms, EMCY code
(hexadecimal, CiA 301 table 26; FFxx is device specific), recovery (parameter NAME_recover_ms, or -
for one sample), scope (string, or - for the cabinet): a fault of a string opens that string, one
of the cabinet opens all. No signal is of both scopes.

Levels: 1 warn, 2 limit, 3 trip and latch, 4 trip and lock out for service, S orderly
stop without a latch. Thresholds and delays are parameters NAME_LEVEL_UNIT and
NAME_LEVEL_delay_ms; when the unit is ms the age itself is the delay. Levels 1 and 2
recover beyond NAME_LEVEL_recover_UNIT, or where the threshold itself is met again.
"""

from array import array

from bess.measure import signals as s
from bess.port.interpreter import const
from bess.protect.hazards import stops_of
from bess.table import rows

TABLE = b"""\
 1 estop            -                 over  flag     -        3   both      10  9000 - -
 2 hvil             hvil_open         over  flag     -        3   both      10  9001 - -
 3 module_pulled    modules_missing   over  flag     -        3   both      10  9002 - string
 4 short            -                 over  permille -        3   both      10  2130 - string
 5 charge_oc        charge_overload   over  permille -        123 charge    10  2310 oc string
 6 discharge_oc     discharge_overload over permille -        123 discharge 10  2320 oc string
 7 current_silent   current_age       over  ms       -        123 both      10  FF10 silent string
 9 pcs_silent       pcs_age           over  ms       -        123 both      10  FF12 silent -
10 command_silent   command_age       over  ms       -        1S  both      10  8250 - -
11 contactor_feedback feedback_differs over flag     -        4   both      10  FF20 - string
12 contactor_welded welded            over  flag     -        4   both      10  FF21 - string
13 precharge        precharge_failed  over  flag     -        3   both      10  FF22 - string
14 pcs_fault        -                 over  flag     -        3   both      10  FF23 - -
15 task_stopped     -                 over  flag     -        3   both      10  6102 - -
16 heap_used        -                 over  flag     -        3   both      10  6103 - -
17 self_test        self_test_failed  over  flag     -        3   both      10  6104 - -
33 heartbeat_lost   guard_lost        over  flag     -        1   both      10  8130 - -
34 duplicate_id     -                 over  flag     -        1   both      10  8150 - -
35 bus_off          -                 over  flag     -        1   both      10  8140 - -
36 smoke            -                 over  flag     -        3   both      10  9003 - -
37 gas              -                 over  flag     -        3   both      10  9004 - -
38 door             -                 over  flag     -        1   both      10  9005 - -
39 enable_lost      -                 over  flag     -        3   both      10  5100 - -
40 contactor_stuck  -                 over  flag     -        3   both      10  FF26 - string
41 precharge_hot    precharge_heat    over  permille -        2   both      10  FF24 - string
42 cabinet_bus_off  -                 over  flag     -        2   both      10  8141 - -
43 clock            -                 over  flag     -        3   both      10  6105 - -
44 pcs_crc          -                 over  count    -        1   both      10  FF13 - -
45 ram_test         -                 over  flag     -        4   both      10  6110 - -
46 program_hash     -                 over  flag     -        4   both      10  6111 - -
47 parameters_corrupt -                  over flag   -        3   both      10  6320 - -
118 parameters_conflict -                   over flag -       3   both      10  6321 - -
48 watchdog_reset   -                 over  flag     -        1   both      10  6010 - -
49 unclean_stop     -                 over  flag     -        3   both      10  6011 - -
50 log_storage      -                 over  flag     -        1   both      10  5530 - -
96 blocked_charge   -                 over  permille -        3   charge    10  2312 - string
97 blocked_discharge -                 over permille -        3   discharge 10  2322 - string
98 pcs_deviation    -                 over  permille -        12  both      10  FF29 silent -
99 pcs_state        -                 over  flag     -        2   both      10  FF2A silent -
114 link_mute       -                 over  flag     -        1   both      10  FF16 - -
18 task_overrun     -                 over  flag     -        1   both     1000 6101 silent -
 8 voltage_silent   voltage_age       over  ms       -        123 both      100 FF11 silent string
19 cell_ov          cell_max          over  dmv      -        123 charge    100 3210 - string
20 cell_uv          cell_min          under dmv      -        123 discharge 100 3220 - string
21 string_ov        string_per_cell   over  dmv      -        123 charge    100 3211 - string
22 string_uv        string_per_cell   under dmv      -        123 discharge 100 3221 - string
23 charge_ot        temp_max          over  dc       charging 123 charge    100 4210 - string
24 charge_ut        temp_min          under dc       charging 12 charge    100 4220 - string
25 discharge_ot     temp_max          over  dc       -        123 both      100 4211 - string
26 discharge_ut     temp_min          under dc       -        123 both      100 4221 - string
27 afe_silent       afe_age           over  ms       -        123 both      100 FF30 silent string
28 temp_silent      temp_age          over  ms       -        123 both      100 FF31 silent string
29 afe_crc          -                 over  count    -        2   both      100 FF32 silent string
30 open_wire        -                 over  flag     -        3   both      700 FF33 - string
31 afe_sum          -                 over  permille -        2   both      700 FF34 silent string
32 afe_self_test    -                 over  flag     -        3   both      700 FF35 - string
51 deep_discharge   cell_min_raw      under dmv      -        4   both      100 3222 - string
52 charge_below_zero temp_min         under dc       charging 3   charge    100 4222 - string
53 cell_spread      -                 over  dmv      -        123 both      100 3230 - string
54 temp_spread      -                 over  dc       -        123 both      100 4230 - string
55 string_sum       -                 over  permille -        2   both      100 3231 silent string
56 fuse_open        -                 over  flag     -        3   both      100 3240 - string
57 link_ov          link_voltage      over  mv       -        3   both      100 3212 - string
58 link_reversed    link_voltage      under mv       -        3   both      100 3241 - string
59 sensor_open      -                 over  flag     -        1   both      100 FF40 silent string
60 sensor_short     -                 over  flag     -        1   both      100 FF41 silent string
61 sensors_lost     -                 over  flag     -        3   both      100 FF42 - string
62 afe_reference    -                 over  flag     -        2   both      100 FF36 silent string
63 wrong_module     -                 over  flag     -        4   both      100 FF50 - string
64 pcs_excess       -                 over  permille -        13  both      100 2341 - -
65 supply_low       supply            under mv       -        123 both      100 3111 - -
66 supply_high      supply            over  mv       -        12  both      100 3110 - -
67 adc_reference    -                 over  permille -        2   both      100 5220 silent -
68 afe_supply       -                 over  flag     -        2   both      700 FF37 silent string
69 afe_hot          afe_temp          over  dc       -        12  both      700 FF38 - string
70 afe_config       -                 over  count    -        12  both      700 FF39 - string
104 diagnosis_silent diagnosis_age    over  ms       -        12  both      100 FF80 silent string
71 temp_rise        -                 over  dc_s     -        3   both     1000 4240 - string
72 current_mismatch -                 over  permille -        12  both     1000 2110 silent -
73 current_offset   -                 over  ma       -        2   both     1000 2111 silent string
74 current_stuck    -                 over  flag     -        2   both     1000 2112 silent string
105 current_lost    -                 over  permille -        1   both     1000 FF81 silent string
75 insulation       -                 under ohm_v    -        123 both     1000 3250 - -
76 insulation_silent insulation_age   over  ms       -        123 both     1000 FF14 silent -
77 insulation_device -                 over flag     -        1   both     1000 FF15 silent -
108 insulation_told -                 over  count    -        12  both     1000 FF84 silent -
78 terminal_hot     terminal_temp     over  dc       -        123 both     1000 4250 - -
79 terminal_sensor  -                 over  count    -        13  both     1000 FF43 silent -
80 sensor_frozen    -                 over  flag     -        1   both     1000 FF44 silent string
81 sensor_implausible -                  over flag   -        1   both     1000 FF45 silent string
82 cell_frozen      -                 over  flag     -        2   both     1000 FF46 silent string
106 cabinet_sensor  -                 over  flag     -        1   both     1000 FF82 silent -
83 coolant_flow     -                 over  flag     -        1   both     1000 FF60 silent -
84 flow_stuck       -                 over  flag     -        1   both     1000 FF61 silent -
85 heater_stuck     -                 over  flag     -        2   both     1000 FF62 - -
107 heater_silent   -                 over  flag     -        1   both     1000 FF83 silent -
86 compressor       -                 over  flag     -        1   both     1000 FF63 silent -
109 chiller_silent  chiller_age       over  ms       -        1   both     1000 FF65 silent -
110 chiller_fault   -                 over  count    -        1   both     1000 FF66 silent -
 87 condensation     -                 over  flag     -        1   both     1000 FF64 silent -
88 pcs_hot          pcs_temp          over  dc       -        123 both     1000 4310 - -
89 command_crc      -                 over  count    -        1   both     1000 8251 silent -
90 command_replay   -                 over  count    -        1   both     1000 8252 silent -
91 receive_overrun  -                 over  flag     -        1   both     1000 8110 silent -
92 log_full         log_lost          over  flag     -        1   both     1000 5531 silent -
93 contactor_life   contactor_cycles  over  count    -        1   both     1000 FF25 - string
94 soc_low          soc               under cpct     -        1   discharge 1000 FF70 - string
100 current_sign    -                 over  flag     -        3   both     1000 2113 - -
101 repeated_stops  -                 over  count    -        3   both     1000 FF28 - -
95 board_hot        board_temp        over  dc       -        12  both     1000 4410 - -
113 part_failed     -                 over  flag     -        1   both     1000 6120 silent -
"""


def fault_rows(table=TABLE):
    """The fields of each row, with every signal's name."""
    for fields in rows(table):
        if fields[2] == "-":
            fields[2] = fields[1]
        yield fields


def fault_id(name):
    """Number of the fault of that name. Raises KeyError."""
    for fields in rows(TABLE):
        if fields[1] == name:
            return int(fields[0])
    raise KeyError(name)


LIMIT = const(2)
TRIP = const(3)
LOCKOUT = const(4)
STOP = const(5)  # orderly stop without a latch; as severe as a limit

# what a standing row does, and from which bit on it stops actuators (protect.hazards)
CHARGE_BLOCKED = const(1)
DISCHARGE_BLOCKED = const(2)
STOPPED = const(4)  # an orderly stop
LIMITED = const(8)  # the power of both directions is taken away, which ends in an orderly stop
TRIPPED = const(16)
LOCKED_OUT = const(32)
GATED = const(64)  # judged only while its gate's signal is not 0
STOPS = const(7)
_BOTH = const(3)
_DIRECTIONS = {"charge": CHARGE_BLOCKED, "discharge": DISCHARGE_BLOCKED, "both": _BOTH}

_FAST_PERIOD_MS = const(10)
_RECHARGED = ("cell_uv", "string_uv")  # what a recharge is meant to end
LOWEST = const(-0x3FFFFFFF)
HIGHEST = const(0x3FFFFFFF)

# by level; 2 and a stop besides block the directions of their row, and in both 2 is a limit
_REACTIONS = b"\x00\x00\x00\x13\x33\x04"


class Rows:
    """The levels of all faults of one scope, a row each in the order of the table; never written
    again, so that all judges of that scope share them. scope: as it stands in the table.

    By row: `fault` and `level`; `signal` and, for those that are GATED, `gates`; `quiet`, the bounds
    between which a sample is not bad, and `recover`, where a standing row is well again; `need` samples of
    `period_ms` make its delay, `recover_need` good ones its recovery; `emcy`; `acts`, the bits above.
    `recharged`: rows that are suspended while a string is recharged; the first `fast` are judged in
    every tick.
    """

    def __init__(self, table, scope, parameters):
        self.fault = bytearray()
        self.level = bytearray()
        self.signal = bytearray()
        self.gates = {}
        self.quiet = array("i")
        self.recover = array("i")
        self.need = array("H")
        self.period_ms = array("H")
        self.recover_need = array("H")
        self.emcy = array("H")
        self.acts = array("H")
        self.recharged = bytearray()
        self.fast = 0
        names = s.names()
        for fields in fault_rows(table):
            if fields[11] == scope:
                self._add(fields, parameters, names)

    def _add(self, fields, parameters, names):
        name, unit, gate = fields[1], fields[4], fields[5]
        period_ms = int(fields[8])
        stops = stops_of(name) << STOPS
        direction = _DIRECTIONS[fields[7]]
        for mark in fields[6]:
            key = name + "_" + (mark if mark != "S" else "3")
            threshold = 0 if unit == "flag" else parameters.get(key + "_" + unit)
            delay_ms = _optional(parameters, key + "_delay_ms", period_ms)
            recover_key = name + "_" + ("2" if mark == "2" else "1") + "_recover_" + unit
            recover_ms = period_ms
            if fields[10] != "-":
                recover_ms = parameters.get(fields[10] + "_recover_ms")
            level = STOP if mark == "S" else int(mark)
            if level == TRIP and name in _RECHARGED:
                self.recharged.append(len(self.fault))
            self.fault.append(int(fields[0]))
            self.level.append(level)
            self.signal.append(names.index(fields[2]))
            self.quiet.append(LOWEST if fields[3] == "over" else threshold)
            self.quiet.append(threshold if fields[3] == "over" else HIGHEST)
            self.recover.append(_optional(parameters, recover_key, threshold))
            # N fresh samples span (N - 1) periods: the condition then held for the delay
            self.need.append(max(delay_ms // period_ms, 1))
            self.period_ms.append(period_ms)
            self.recover_need.append(max(recover_ms // period_ms, 1))
            self.emcy.append(int(fields[9], 16))
            acts = stops | _REACTIONS[level]
            if level == LIMIT or level == STOP:
                acts |= direction
            if level == LIMIT and direction == _BOTH:
                acts |= LIMITED | STOPPED
            if gate != "-" and level == TRIP:
                self.gates[len(self.acts)] = names.index(gate)
                acts |= GATED
            self.acts.append(acts)
        if period_ms == _FAST_PERIOD_MS:
            self.fast = len(self.fault)


def _optional(parameters, name, default):
    try:
        return parameters.get(name)
    except KeyError:
        return default
