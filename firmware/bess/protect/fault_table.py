"""THE fault table: what is judged, how severe, what it does.

Columns: id, name, signal (bess.measure.signals), over or under, unit of the thresholds
(`flag` is 0 and needs no parameter), gate (signal that must be non-zero, or -), levels,
direction that level 2 limits (charge, discharge, both), sample period in ms, EMCY code
(CiA 301 table 26; 0xFFxx is device specific), recovery time parameter or - for one sample.

Levels: 1 warn, 2 limit, 3 trip and latch, 4 trip and lock out for service, S orderly
stop without a latch. Thresholds and delays are parameters NAME_LEVEL_UNIT and
NAME_LEVEL_delay_ms; when the unit is ms the age itself is the delay. Levels 1 and 2
recover beyond NAME_LEVEL_recover_UNIT, or where the threshold itself is met again.
"""

from bess.table import rows

TABLE = b"""\
 1 estop            estop             over  flag     -        3   both      10  0x9000 -
 2 hvil             hvil_open         over  flag     -        3   both      10  0x9001 -
 3 module_pulled    modules_missing   over  flag     -        3   both      10  0x9002 -
 4 short            short             over  permille -        3   both      10  0x2130 -
 5 charge_oc        charge_overload   over  permille -        123 charge    10  0x2310 oc_recover_ms
 6 discharge_oc     discharge_overload over permille -        123 discharge 10  0x2320 oc_recover_ms
 7 current_silent   current_age       over  ms       -        123 both      10  0xFF10 silent_recover_ms
 9 pcs_silent       pcs_age           over  ms       -        123 both      10  0xFF12 silent_recover_ms
10 command_silent   command_age       over  ms       -        1S  both      10  0x8250 -
11 contactor_feedback feedback_differs over flag     -        4   both      10  0xFF20 -
12 contactor_welded welded            over  flag     -        4   both      10  0xFF21 -
13 precharge        precharge_failed  over  flag     -        3   both      10  0xFF22 -
14 pcs_fault        pcs_fault         over  flag     -        3   both      10  0xFF23 -
15 task_stopped     task_stopped      over  flag     -        3   both      10  0x6102 -
16 heap_used        heap_used         over  flag     -        3   both      10  0x6103 -
17 self_test        self_test_failed  over  flag     -        3   both      10  0x6104 -
33 heartbeat_lost   guard_lost        over  flag     -        1   both      10  0x8130 -
34 duplicate_id     duplicate_id      over  flag     -        1   both      10  0x8150 -
35 bus_off          bus_off           over  flag     -        1   both      10  0x8140 -
36 smoke            smoke             over  flag     -        3   both      10  0x9003 -
37 gas              gas               over  flag     -        3   both      10  0x9004 -
38 door             door              over  flag     -        1   both      10  0x9005 -
39 enable_lost      enable_lost       over  flag     -        3   both      10  0x5100 -
40 contactor_stuck  contactor_stuck   over  flag     -        3   both      10  0xFF26 -
41 precharge_hot    precharge_heat    over  permille -        2   both      10  0xFF24 -
42 cabinet_bus_off  cabinet_bus_off   over  flag     -        2   both      10  0x8141 -
43 clock            clock             over  flag     -        3   both      10  0x6105 -
44 pcs_crc          pcs_crc           over  count    -        1   both      10  0xFF13 -
45 ram_test         ram_test          over  flag     -        4   both      10  0x6110 -
46 program_hash     program_hash      over  flag     -        4   both      10  0x6111 -
47 parameters_corrupt parameters_corrupt over flag   -        3   both      10  0x6320 -
118 parameters_conflict parameters_conflict over flag -       3   both      10  0x6321 -
48 watchdog_reset   watchdog_reset    over  flag     -        1   both      10  0x6010 -
49 unclean_stop     unclean_stop      over  flag     -        3   both      10  0x6011 -
50 log_storage      log_storage       over  flag     -        1   both      10  0x5530 -
96 blocked_charge   blocked_charge    over  permille -        3   charge    10  0x2312 -
97 blocked_discharge blocked_discharge over permille -        3   discharge 10  0x2322 -
98 pcs_deviation    pcs_deviation     over  permille -        12  both      10  0xFF29 silent_recover_ms
99 pcs_state        pcs_state         over  flag     -        2   both      10  0xFF2A silent_recover_ms
114 link_mute       link_mute         over  flag     -        1   both      10  0xFF16 -
18 task_overrun     task_overrun      over  flag     -        1   both     1000 0x6101 silent_recover_ms
 8 voltage_silent   voltage_age       over  ms       -        123 both      100 0xFF11 silent_recover_ms
19 cell_ov          cell_max          over  dmv      -        123 charge    100 0x3210 -
20 cell_uv          cell_min          under dmv      -        123 discharge 100 0x3220 -
21 string_ov        string_per_cell   over  dmv      -        123 charge    100 0x3211 -
22 string_uv        string_per_cell   under dmv      -        123 discharge 100 0x3221 -
23 charge_ot        temp_max          over  dc       charging 123 charge    100 0x4210 -
24 charge_ut        temp_min          under dc       charging 12 charge    100 0x4220 -
25 discharge_ot     temp_max          over  dc       -        123 both      100 0x4211 -
26 discharge_ut     temp_min          under dc       -        123 both      100 0x4221 -
27 afe_silent       afe_age           over  ms       -        123 both      100 0xFF30 silent_recover_ms
28 temp_silent      temp_age          over  ms       -        123 both      100 0xFF31 silent_recover_ms
29 afe_crc          afe_crc           over  count    -        2   both      100 0xFF32 silent_recover_ms
30 open_wire        open_wire         over  flag     -        3   both      700 0xFF33 -
31 afe_sum          afe_sum           over  permille -        2   both      700 0xFF34 silent_recover_ms
32 afe_self_test    afe_self_test     over  flag     -        3   both      700 0xFF35 -
51 deep_discharge   cell_min_raw      under dmv      -        4   both      100 0x3222 -
52 charge_below_zero temp_min         under dc       charging 3   charge    100 0x4222 -
53 cell_spread      cell_spread       over  dmv      -        123 both      100 0x3230 -
54 temp_spread      temp_spread       over  dc       -        123 both      100 0x4230 -
55 string_sum       string_sum        over  permille -        2   both      100 0x3231 silent_recover_ms
56 fuse_open        fuse_open         over  flag     -        3   both      100 0x3240 -
57 link_ov          link_voltage      over  mv       -        3   both      100 0x3212 -
58 link_reversed    link_voltage      under mv       -        3   both      100 0x3241 -
59 sensor_open      sensor_open       over  flag     -        1   both      100 0xFF40 silent_recover_ms
60 sensor_short     sensor_short      over  flag     -        1   both      100 0xFF41 silent_recover_ms
61 sensors_lost     sensors_lost      over  flag     -        3   both      100 0xFF42 -
62 afe_reference    afe_reference     over  flag     -        2   both      100 0xFF36 silent_recover_ms
63 wrong_module     wrong_module      over  flag     -        4   both      100 0xFF50 -
64 pcs_excess       pcs_excess        over  permille -        13  both      100 0x2341 -
65 supply_low       supply            under mv       -        123 both      100 0x3111 -
66 supply_high      supply            over  mv       -        12  both      100 0x3110 -
67 adc_reference    adc_reference     over  permille -        2   both      100 0x5220 silent_recover_ms
68 afe_supply       afe_supply        over  flag     -        2   both      700 0xFF37 silent_recover_ms
69 afe_hot          afe_temp          over  dc       -        12  both      700 0xFF38 -
70 afe_config       afe_config        over  count    -        12  both      700 0xFF39 -
104 diagnosis_silent diagnosis_age    over  ms       -        12  both      100 0xFF80 silent_recover_ms
71 temp_rise        temp_rise         over  dc_s     -        3   both     1000 0x4240 -
72 current_mismatch current_mismatch  over  permille -        12  both     1000 0x2110 silent_recover_ms
73 current_offset   current_offset    over  ma       -        2   both     1000 0x2111 silent_recover_ms
74 current_stuck    current_stuck     over  flag     -        2   both     1000 0x2112 silent_recover_ms
105 current_lost    current_lost      over  permille -        1   both     1000 0xFF81 silent_recover_ms
75 insulation       insulation        under ohm_v    -        123 both     1000 0x3250 -
76 insulation_silent insulation_age   over  ms       -        123 both     1000 0xFF14 silent_recover_ms
77 insulation_device insulation_device over flag     -        1   both     1000 0xFF15 silent_recover_ms
108 insulation_told insulation_told   over  count    -        12  both     1000 0xFF84 silent_recover_ms
78 terminal_hot     terminal_temp     over  dc       -        123 both     1000 0x4250 -
79 terminal_sensor  terminal_sensor   over  count    -        13  both     1000 0xFF43 silent_recover_ms
80 sensor_frozen    sensor_frozen     over  flag     -        1   both     1000 0xFF44 silent_recover_ms
81 sensor_implausible sensor_implausible over flag   -        1   both     1000 0xFF45 silent_recover_ms
82 cell_frozen      cell_frozen       over  flag     -        2   both     1000 0xFF46 silent_recover_ms
106 cabinet_sensor  cabinet_sensor    over  flag     -        1   both     1000 0xFF82 silent_recover_ms
83 coolant_flow     coolant_flow      over  flag     -        1   both     1000 0xFF60 silent_recover_ms
84 flow_stuck       flow_stuck        over  flag     -        1   both     1000 0xFF61 silent_recover_ms
85 heater_stuck     heater_stuck      over  flag     -        2   both     1000 0xFF62 -
107 heater_silent   heater_silent     over  flag     -        1   both     1000 0xFF83 silent_recover_ms
86 compressor       compressor        over  flag     -        1   both     1000 0xFF63 silent_recover_ms
87 condensation     condensation      over  flag     -        1   both     1000 0xFF64 silent_recover_ms
88 pcs_hot          pcs_temp          over  dc       -        123 both     1000 0x4310 -
89 command_crc      command_crc       over  count    -        1   both     1000 0x8251 silent_recover_ms
90 command_replay   command_replay    over  count    -        1   both     1000 0x8252 silent_recover_ms
91 receive_overrun  receive_overrun   over  flag     -        1   both     1000 0x8110 silent_recover_ms
92 log_full         log_lost          over  flag     -        1   both     1000 0x5531 silent_recover_ms
93 contactor_life   contactor_cycles  over  count    -        1   both     1000 0xFF25 -
94 soc_low          soc               under cpct     -        1   discharge 1000 0xFF70 -
100 current_sign    current_sign      over  flag     -        3   both     1000 0x2113 -
101 repeated_stops  repeated_stops    over  count    -        3   both     1000 0xFF28 -
95 board_hot        board_temp        over  dc       -        12  both     1000 0x4410 -
113 part_failed     part_failed       over  flag     -        1   both     1000 0x6120 silent_recover_ms
"""


def fault_id(name):
    """Number of the fault of that name. Raises KeyError."""
    for fields in rows(TABLE):
        if fields[1] == name:
            return int(fields[0])
    raise KeyError(name)
