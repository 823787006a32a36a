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
18 task_overrun     task_overrun      over  flag     -        1   both     1000 0x6101 silent_recover_ms
 8 voltage_silent   voltage_age       over  ms       -        123 both      100 0xFF11 silent_recover_ms
19 cell_ov          cell_max          over  dmv      -        123 charge    100 0x3210 -
20 cell_uv          cell_min          under dmv      -        123 discharge 100 0x3220 -
21 string_ov        string_per_cell   over  dmv      -        123 charge    100 0x3211 -
22 string_uv        string_per_cell   under dmv      -        123 discharge 100 0x3221 -
23 charge_ot        temp_max          over  dc       charging 123 charge    100 0x4210 -
24 charge_ut        temp_min          under dc       charging 123 charge    100 0x4220 -
25 discharge_ot     temp_max          over  dc       -        123 both      100 0x4211 -
26 discharge_ut     temp_min          under dc       -        123 both      100 0x4221 -
27 afe_silent       afe_age           over  ms       -        123 both      100 0xFF30 silent_recover_ms
28 temp_silent      temp_age          over  ms       -        123 both      100 0xFF31 silent_recover_ms
29 afe_crc          afe_crc           over  count    -        2   both      100 0xFF32 silent_recover_ms
30 open_wire        open_wire         over  flag     -        3   both      700 0xFF33 -
31 afe_sum          afe_sum           over  permille -        2   both      700 0xFF34 silent_recover_ms
32 afe_self_test    afe_self_test     over  flag     -        3   both      700 0xFF35 -
"""
