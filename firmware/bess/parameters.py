"""THE parameter table: every number of the cabinet that may differ between sites.

Columns: object-dictionary index (with .sub-index where the object has some), name (its
unit is its suffix), default, minimum, maximum; `#` and the source of the default. Storage is int32.
Objects of CiA 301 stand at their own index. Defaults: one string of 5 modules of 48 LFP
cells, 280 Ah, 215 kWh; protection numbers from design page protection.md (vendor and
open-source practice, engineering defaults and no certification). A range is what one value may
be alone, and for what trips, no more than its hazard bears: a delay or a threshold beyond it would
leave the hazard standing. What values may not be together stands in parameter_rules.py.
"""

from array import array
from struct import pack_into, unpack_from

from bess.table import rows

_RECORD = 7  # index u16, sub-index u8, value i32
_NEAR = 2000  # bytes, some thirty rows

TABLE = b"""\
# topology
0x2000 string_count                     1      1      1  # one string for each current sensor and contactor set
0x2001 modules_per_string               5      1     16  # usual high-voltage cabinet
0x2002 cells_per_module                48      4     54  # at most three 18-cell front ends a module
0x2003 sensors_per_afe                  5      1      5  # GPIO1..5 of each LTC6813
0x2004 capacity_mah                280000   2000 400000  # large-format LFP
0x2005 ntc_beta_k                    3435   3000   4500  # 10 kohm NTC with 10 kohm to VREF2
0x2006 pcs_rated_w                 125000   1000 150000  # PCS beside one 215 kWh cabinet
0x2007 current_range_ma            500000   1000 1000000  # shunt of the IVT-S
0x2008 chemistry                        0      0      1  # 0 lfp, 1 nmc
0x2009 resistance_permille           3000    100  20000  # of its chemistry's table: thermal.md, 0.45 mohm at 280 Ah
0x200A program_oldest                 0      0 999999999  # no program older than this version, major * 10^6 + minor * 10^3 + patch
0x200B program_confirm_ms        300000  10000 3600000  # boards.md: a program on trial that is not confirmed by then is rolled back
# link
0x2010 node_id                          2      1    127  # 1 is the coordinator's
0x2011 can_kbit_s                     500    250   1000  # can.md: 250, 500 or 1000
0x2012 vendor_id                        0      0 0x7FFFFFFF  # 0: none assigned by CiA
0x2013 command_resync_frames            5      2     15  # can.md
0x2014 command_counter_step_max         3      1      7  # can.md
0x2015 node_configured                  1      0      1  # 0: no node id yet, silent until given one
0x2016 sdo_timeout_ms                5000    100  60000  # a client that stays away this long is given up
0x2017 session_ms                  300000   1000 3600000  # can.md: five minutes unlocked
0x2018 fast_stream_ms                  10     10   1000  # can.md: all cells within 1 s
0x1016.1 heartbeat_consumer       0x105DC      0 0x7FFFFF  # coordinator (node 1), three of its heartbeats: 1500 ms
0x1017 heartbeat_ms                   500      0   5000  # can.md; 0: none, as CiA 301 has it
0x1019 sync_counter_overflow          240      0    240  # can.md: SYNC with counter
0x1029.1 communication_error_behaviour  1      0      2  # can.md: 1 = PDOs go on
0x1400.1 rpdo1_enabled                  1      0      1  # command
0x1400.2 rpdo1_type                   255    254    255  # used as it comes
0x1401.1 rpdo2_enabled                  1      0      1  # schedule
0x1401.2 rpdo2_type                   255    254    255  # used as it comes
0x1800.1 tpdo1_enabled                  1      0      1  # status
0x1800.2 tpdo1_type                     1      1    255  # every SYNC
0x1800.3 tpdo1_inhibit_100us            0      0  65535  # -
0x1800.5 tpdo1_event_ms                 0      0  65535  # -
0x1800.6 tpdo1_sync_start               0      0    240  # -
0x1801.1 tpdo2_enabled                  1      0      1  # power
0x1801.2 tpdo2_type                     1      1    255  # every SYNC
0x1801.3 tpdo2_inhibit_100us            0      0  65535  # -
0x1801.5 tpdo2_event_ms                 0      0  65535  # -
0x1801.6 tpdo2_sync_start               0      0    240  # -
0x1802.1 tpdo3_enabled                  1      0      1  # energy
0x1802.2 tpdo3_type                   255      1    255  # event timer
0x1802.3 tpdo3_inhibit_100us            0      0  65535  # -
0x1802.5 tpdo3_event_ms              1000      0  65535  # can.md
0x1802.6 tpdo3_sync_start               0      0    240  # -
0x1803.1 tpdo4_enabled                  1      0      1  # cells
0x1803.2 tpdo4_type                   255      1    255  # event timer
0x1803.3 tpdo4_inhibit_100us            0      0  65535  # -
0x1803.5 tpdo4_event_ms              1000      0  65535  # can.md
0x1803.6 tpdo4_sync_start               0      0    240  # -
0x1804.1 tpdo5_enabled                  1      0      1  # temperatures
0x1804.2 tpdo5_type                   255      1    255  # event timer
0x1804.3 tpdo5_inhibit_100us            0      0  65535  # -
0x1804.5 tpdo5_event_ms              1000      0  65535  # can.md
0x1804.6 tpdo5_sync_start               0      0    240  # -
0x1805.1 tpdo6_enabled                  1      0      1  # cell stream
0x1805.2 tpdo6_type                   255      1    255  # event timer
0x1805.3 tpdo6_inhibit_100us            0      0  65535  # -
0x1805.5 tpdo6_event_ms               100      0  65535  # can.md: all 260 cells in 8.7 s
0x1805.6 tpdo6_sync_start               0      0    240  # -
# cell voltage, 0.1 mV
0x2020 cell_ov_1_dmv                35800  30000  43000  # protection.md
0x2021 cell_ov_2_dmv                36100  30000  43000  # protection.md
0x2022 cell_ov_3_dmv                36500  30000  43000  # protection.md
0x2023 cell_ov_1_recover_dmv        35000  28000  43000  # protection.md
0x2024 cell_ov_2_recover_dmv        34500  28000  43000  # protection.md
0x2025 cell_ov_1_delay_ms            5000    100  60000  # protection.md
0x2026 cell_ov_2_delay_ms            2000    100  60000  # protection.md
0x2027 cell_ov_3_delay_ms            1000    100   2000  # protection.md
0x2028 cell_uv_1_dmv                29000  15000  35000  # protection.md
0x2029 cell_uv_2_dmv                28000  15000  35000  # protection.md
0x202A cell_uv_3_dmv                25000  15000  35000  # protection.md
0x202B cell_uv_1_recover_dmv        30000  15000  36000  # protection.md
0x202C cell_uv_2_recover_dmv        31000  15000  36000  # protection.md
0x202D cell_uv_1_delay_ms            5000    100  60000  # protection.md
0x202E cell_uv_2_delay_ms            3000    100  60000  # protection.md
0x202F cell_uv_3_delay_ms            1000    100   5000  # protection.md
0x2030 cell_uv_cold_shift_dmv        2000      0   5000  # lower by this below 0 degC
# string voltage per cell, 0.1 mV
0x2031 string_ov_1_dmv              35600  30000  43000  # protection.md
0x2032 string_ov_2_dmv              35800  30000  43000  # protection.md
0x2033 string_ov_3_dmv              36200  30000  43000  # protection.md
0x2034 string_ov_1_recover_dmv      35100  28000  43000  # protection.md
0x2035 string_ov_2_recover_dmv      35300  28000  43000  # protection.md
0x2036 string_ov_1_delay_ms          5000    100  60000  # protection.md
0x2037 string_ov_2_delay_ms          3000    100  60000  # protection.md
0x2038 string_ov_3_delay_ms          1000    100   2000  # protection.md
0x2039 string_uv_1_dmv              30000  15000  35000  # protection.md
0x203A string_uv_2_dmv              29000  15000  35000  # protection.md
0x203B string_uv_3_dmv              26000  15000  35000  # protection.md
0x203C string_uv_1_recover_dmv      31000  15000  36000  # protection.md
0x203D string_uv_2_recover_dmv      30000  15000  36000  # protection.md
0x203E string_uv_1_delay_ms          5000    100  60000  # protection.md
0x203F string_uv_2_delay_ms          3000    100  60000  # protection.md
0x2040 string_uv_3_delay_ms          1000    100   5000  # protection.md
# current, permille of the live limit
0x2041 charge_oc_1_permille          1050   1000   1500  # protection.md
0x2042 charge_oc_2_permille          1100   1000   1500  # protection.md
0x2043 charge_oc_3_permille          1250   1000   1500  # protection.md
0x2044 charge_oc_1_recover_permille  1000    500   1500  # protection.md
0x2045 charge_oc_2_recover_permille  1000    500   1500  # protection.md
0x2046 charge_oc_1_delay_ms         10000     10  60000  # protection.md
0x2047 charge_oc_2_delay_ms         10000     10  60000  # protection.md
0x2048 charge_oc_3_delay_ms           500     10   1000  # protection.md
0x2049 discharge_oc_1_permille       1050   1000   1500  # protection.md
0x204A discharge_oc_2_permille       1100   1000   1500  # protection.md
0x204B discharge_oc_3_permille       1250   1000   1500  # protection.md
0x204C discharge_oc_1_recover_permille 1000  500   1500  # protection.md
0x204D discharge_oc_2_recover_permille 1000  500   1500  # protection.md
0x204E discharge_oc_1_delay_ms      10000     10  60000  # protection.md
0x204F discharge_oc_2_delay_ms      10000     10  60000  # protection.md
0x2050 discharge_oc_3_delay_ms        500     10   1000  # protection.md
0x2051 oc_recover_ms                60000    100 600000  # protection.md: 1.0 for 60 s
0x2052 short_3_permille              1000    100   1000  # of the sensor range or 3C, whichever is lower
0x2053 short_3_delay_ms                20     10    100  # protection.md
# temperature, 0.1 degC
0x2060 charge_ot_1_dc                 450    200    700  # protection.md
0x2061 charge_ot_2_dc                 500    200    700  # protection.md
0x2062 charge_ot_3_dc                 550    200    700  # protection.md
0x2063 charge_ot_1_recover_dc         400    100    700  # protection.md
0x2064 charge_ot_2_recover_dc         450    100    700  # protection.md
0x2065 charge_ot_1_delay_ms          5000    100  60000  # protection.md
0x2066 charge_ot_2_delay_ms          5000    100  60000  # protection.md
0x2067 charge_ot_3_delay_ms          2000    100   5000  # protection.md
0x2068 charge_ut_1_dc                  50   -300    200  # protection.md
0x2069 charge_ut_2_dc                  20   -300    200  # protection.md
0x206B charge_ut_1_recover_dc          80   -300    250  # protection.md
0x206C charge_ut_2_recover_dc          50   -300    250  # protection.md
0x206D charge_ut_1_delay_ms          5000    100  60000  # protection.md
0x206E charge_ut_2_delay_ms          2000    100  60000  # protection.md
0x206A charge_below_zero_3_dc           1   -300    200  # 0 degC and below, while charging
0x206F charge_below_zero_3_delay_ms  2000    100   5000  # protection.md
0x2070 discharge_ot_1_dc              500    200    800  # protection.md
0x2071 discharge_ot_2_dc              550    200    800  # protection.md
0x2072 discharge_ot_3_dc              600    200    800  # protection.md
0x2073 discharge_ot_1_recover_dc      450    100    800  # protection.md
0x2074 discharge_ot_2_recover_dc      500    100    800  # protection.md
0x2075 discharge_ot_1_delay_ms       5000    100  60000  # protection.md
0x2076 discharge_ot_2_delay_ms       5000    100  60000  # protection.md
0x2077 discharge_ot_3_delay_ms       2000    100   5000  # protection.md
0x2078 discharge_ut_1_dc             -200   -400    200  # protection.md, confirm on the cell's sheet
0x2079 discharge_ut_2_dc             -330   -400    200  # protection.md, confirm on the cell's sheet
0x207A discharge_ut_3_dc             -350   -400    200  # protection.md, confirm on the cell's sheet
0x207B discharge_ut_1_recover_dc     -150   -400    250  # protection.md
0x207C discharge_ut_2_recover_dc     -280   -400    250  # protection.md
0x207D discharge_ut_1_delay_ms       5000    100  60000  # protection.md
0x207E discharge_ut_2_delay_ms       5000    100  60000  # protection.md
0x207F discharge_ut_3_delay_ms       5000    100  20000  # protection.md
0x2080 charging_current_permille       20      1     20  # 0.02C counts as charging
# silence and stale data: the age itself is the delay
0x2081 afe_silent_1_ms                500    200  10000  # protection.md
0x2082 afe_silent_2_ms               1000    200  10000  # protection.md
0x2083 afe_silent_3_ms               3000    200   5000  # protection.md
0x2084 temp_silent_1_ms               500    200  10000  # as cells
0x2085 temp_silent_2_ms              1000    200  10000  # as cells
0x2086 temp_silent_3_ms              3000    200   5000  # as cells
0x2087 current_silent_1_ms             50     20   1000  # protection.md
0x2088 current_silent_2_ms            100     20   1000  # protection.md
0x2089 current_silent_3_ms            300     20    500  # protection.md
0x208A voltage_silent_1_ms            200     60   5000  # U1..U3 arrive every 50 ms
0x208B voltage_silent_2_ms            500     60   5000  # as module silent
0x208C voltage_silent_3_ms           1000     60   2000  # as module silent
0x208D pcs_silent_1_ms                500     50  10000  # protection.md
0x208E pcs_silent_2_ms               1000     50  10000  # protection.md
0x208F pcs_silent_3_ms               5000     50  10000  # protection.md
0x2090 silent_recover_ms            10000    100  60000  # 10 s good
0x2091 command_silent_1_ms            300    100   2000  # can.md: hold the last set-point, flag
0x2092 command_silent_2_ms            500    100   3000  # can.md: ramp to zero
0x2093 command_silent_3_ms           3000    500  20000  # can.md: stop, contactors open
# cell monitoring
0x20A0 afe_crc_2_count                  4      1    100  # more than 4 bad answers in a row, protection.md
0x20A1 open_wire_3_delay_ms          1400    100   5000  # two whole rounds of diagnosis of 700 ms
0x20A2 open_wire_threshold_mv         400    100   1000  # LTC6813 data sheet, open-wire check
0x20A3 afe_sum_2_permille              20      1     50  # sum of cells against cells, 2 %
0x20A4 afe_sum_2_delay_ms            7000    100  60000  # ten rounds of diagnosis
0x20A5 afe_self_test_3_delay_ms      1400    100   5000  # two whole rounds of diagnosis
# inputs
0x20B0 hvil_3_delay_ms                 50     10    100  # protection.md
0x20B1 estop_3_delay_ms                10     10     10  # protection.md: command within 20 ms
0x20B2 module_pulled_3_delay_ms        20     10     30  # hot_swap.md: debounce of removal
0x20B3 presence_insert_ms             500    100  10000  # hot_swap.md: debounce of insertion
# contactors and precharge
0x20C0 contactor_feedback_4_delay_ms  300     50   1000  # protection.md
0x20C1 precharge_timeout_ms          5000    500  30000  # protection.md
0x20C2 precharge_pause_ms           10000   1000  60000  # protection.md
0x20C3 precharge_tries                  3      1      5  # protection.md
0x20C4 precharge_match_permille        30      5     30  # within 3 % of the string
0x20C5 precharge_match_mv           20000   1000  20000  # and at most 20 V
0x20C6 precharge_current_ma          1000    100   1000  # and current under 1 A
0x20C7 contactor_settle_ms            100     20   1000  # feedback expected within
0x20C8 open_current_permille           50      1    500  # |I| < 5 % of rated before an orderly opening
0x20C9 open_wait_ms                  2000      0  10000  # at most, levels 1..2
0x20CA weld_discharge_ms              500    100  30000  # before the weld check looks at U3
0x20CB weld_gap_mv                  20000   1000 100000  # the plus side must lie this far below the string
0x20CC breaking_ma                1000000  10000 2000000  # breaking capacity of the contactors, their data sheet
0x20CD breaking_wait_ms              1000    500   2000  # protection.md: beyond it the fuse has 1 s
# PCS and power
0x20D0 ramp_soft_permille_s           100      1  10000  # 10 %/s
0x20D1 ramp_tracking_permille_s      5000      1  10000  # 500 %/s
0x20D2 ramp_stop_permille_s          1000      1  10000  # 100 %/s
0x20D3 pcs_start_timeout_ms         10000    500  60000  # pcs_coordinator.md: every step has a time-out
0x20D4 limit_rise_ma_s_per_100a       500     10    500  # 0.5 A/s per 100 A rated
0x20D5 precharge_start_timeout_ms   45000   1000 300000  # three tries and their pauses
# what nobody asked for
0x3090 blocked_charge_3_permille         10      2    100  # of 1C, where nothing may flow in; above the offset of a sensor that is no fault
0x3091 blocked_charge_3_delay_ms       1000    100   5000  # a limit that fell is followed within 100 ms
0x3092 blocked_discharge_3_permille      10      2    100  # as for charge
0x3093 blocked_discharge_3_delay_ms    1000    100   5000  # as for charge
0x3094 pcs_deviation_1_permille          60     10    200  # of rated power; losses and the PCS's own error
0x3095 pcs_deviation_2_permille         100     10    200  # engineering default
0x3096 pcs_deviation_1_recover_permille  40      5    200  # engineering default
0x3097 pcs_deviation_2_recover_permille  40      5    200  # engineering default
0x3098 pcs_deviation_1_delay_ms       10000    100  60000  # engineering default
0x3099 pcs_deviation_2_delay_ms        3000    100  10000  # engineering default
0x309A pcs_state_2_delay_ms            1000    100  10000  # engineering default
0x309B current_sign_3_delay_ms         2000   1000  10000  # engineering default
0x309C current_sign_permille             20      5    100  # of rated power, on both sides; above 2 A of offset
0x309D repeated_stops_3_count             3      1     20  # more stops than this, not yet worked off, are a trip
0x309E stop_worked_off_s                600     60   7200  # one stop is forgotten in this time
0x309F closings_in_a_row                  4      1     20  # before the next one waits
0x30A0 closing_worked_off_s              15      1    600  # then one closing in this time
# thermal, 0.1 degC
0x20E0 cool_on_mean_dc                300    150    450  # thermal.md
0x20E1 cool_on_max_dc                 320    150    450  # thermal.md
0x20E2 cool_off_mean_dc               280    100    450  # thermal.md; cooling aims at it and ends a kelvin below the start
0x20E3 cool_off_max_dc                300    100    450  # thermal.md
0x20E4 heat_on_mean_dc                100   -300    300  # thermal.md, heat for charge
0x20E5 heat_on_min_dc                  50   -300    300  # thermal.md, heat for charge
0x20E6 heat_off_mean_dc               250   -300    350  # thermal.md
0x20E7 heat_off_min_dc                200   -300    350  # thermal.md
0x20E8 compressor_min_ms           180000   1000 600000  # thermal.md: 180 s on and 180 s off
0x20E9 heater_min_ms                60000   1000 600000  # thermal.md
0x20EA pump_lead_ms                 10000   1000  60000  # thermal.md: proven flow before heater
0x20EB pump_lag_ms                 120000   1000 600000  # thermal.md
0x20EC cooling_set                      0      0      2  # 0 liquid loop on pins, 1 smart chiller on the cabinet bus, 2 air (drivers/cooling.py)
0x20ED fan_lead_ms                  15000   1000  60000  # thermal.md: fans lead and lag 15 s
0x20EE fan_lag_ms                   15000   1000 600000  # thermal.md
0x20EF circulate_on_dc                 50     10    200  # thermal.md: on spread > 5 K
0x20D6 circulate_off_dc                30      5    200  # thermal.md: stop < 3 K
0x20D7 heat_discharge_mean_dc         -50   -300    300  # thermal.md, heat for discharge
0x20D8 heat_discharge_min_dc         -100   -300    300  # thermal.md, heat for discharge
0x20D9 heat_floor_dc                 -300   -400    300  # thermal.md: where nothing is wanted, the coldest that is built for
0x20DA island_heat_off_dc             150   -300    350  # thermal.md: off the grid heat only to 15
0x20DB island_reserve_cpct           1200      0   5000  # thermal.md: 12 % stay in reserve
0x20DC heater_w                      6000    500  30000  # thermal.md: PTC heater 6..8 kW
0x20DD chiller_w                     5000    500  30000  # thermal.md: 5 kW of cold
0x20DE heat_capacity_kj_k            1800    100  20000  # thermal.md: a 230 kWh cabinet
0x20DF heat_loss_w_k                   30      1    500  # thermal.md: 20..50
0x30E0 preheat_margin_permille       1100   1000   3000  # engineering default: the pack is to be ready, not nearly
0x30EB charge_ready_dc                 150     50    300  # limits.py: all of the charge current from here on
0x30E1 blind_supply_dc                250    150    350  # thermal.md: humidity lost
0x30E2 blind_cool_dc                  280    200    400  # thermal.md: blind, cool only above
0x30E3 cool_outlet_dc                 150     50    300  # coldest water; engineering default
0x30E4 heat_outlet_dc                 400    200    600  # warmest water; engineering default
0x30E5 cool_gain_permille_k           150     10   2000  # engineering default, see THERMAL.md
0x30E6 cool_integral_s                900     60  36000  # engineering default, about the time constant of cells and water
0x30E7 string_resistance_mohm         108      1  10000  # of the cells at 25 degC, for their heat: 240 of 0.45 mohm, thermal.md
0x30E8 chiller_silent_1_ms           5000   2000  60000  # five of its frames
0x30E9 chiller_fault_1_count            0      0      1  # any bit of what it says
0x30EA chiller_fault_1_delay_ms      2000   1000  60000  # engineering default
# rest voltage of the cells at hand above the one as shipped, 0.1 mV at 0, 10 .. 100 % of charge
0x20F0 table_shift_0_dmv              0   -400    400  # of the rest voltage at this charge: learned, see estimate/README.md
0x20F1 table_shift_10_dmv             0   -400    400  # of the rest voltage at this charge: learned, see estimate/README.md
0x20F2 table_shift_20_dmv             0   -400    400  # of the rest voltage at this charge: learned, see estimate/README.md
0x20F3 table_shift_30_dmv             0   -400    400  # of the rest voltage at this charge: learned, see estimate/README.md
0x20F4 table_shift_40_dmv             0   -400    400  # of the rest voltage at this charge: learned, see estimate/README.md
0x20F5 table_shift_50_dmv             0   -400    400  # of the rest voltage at this charge: learned, see estimate/README.md
0x20F6 table_shift_60_dmv             0   -400    400  # of the rest voltage at this charge: learned, see estimate/README.md
0x20F7 table_shift_70_dmv             0   -400    400  # of the rest voltage at this charge: learned, see estimate/README.md
0x20F8 table_shift_80_dmv             0   -400    400  # of the rest voltage at this charge: learned, see estimate/README.md
0x20F9 table_shift_90_dmv             0   -400    400  # of the rest voltage at this charge: learned, see estimate/README.md
0x20FA table_shift_100_dmv            0   -400    400  # of the rest voltage at this charge: learned, see estimate/README.md
# deep discharge, spread, rise, redundancy
0x3000 deep_discharge_4_dmv             20000  15000  30000  # protection.md
0x3001 deep_discharge_4_delay_ms         1000    100   5000  # protection.md
0x3002 cell_spread_1_dmv                 1000    100  10000  # protection.md
0x3003 cell_spread_1_recover_dmv          700     50  10000  # protection.md: -30 %
0x3004 cell_spread_1_delay_ms           30000    100  60000  # protection.md
0x3005 cell_spread_2_dmv                 2000    100  10000  # protection.md
0x3006 cell_spread_2_recover_dmv         1400     50  10000  # protection.md: -30 %
0x3007 cell_spread_2_delay_ms           30000    100  60000  # protection.md
0x3008 cell_spread_3_dmv                 4000    100   6000  # protection.md
0x3009 cell_spread_3_delay_ms           10000    100  30000  # protection.md
0x300A temp_spread_1_dc                    50     10    500  # protection.md
0x300B temp_spread_1_recover_dc            30      0    500  # protection.md: -2 K
0x300C temp_spread_1_delay_ms           30000    100  60000  # protection.md
0x300D temp_spread_2_dc                    80     10    500  # protection.md
0x300E temp_spread_2_recover_dc            60      0    500  # protection.md: -2 K
0x300F temp_spread_2_delay_ms           30000    100  60000  # protection.md
0x3010 temp_spread_3_dc                   120     10    200  # protection.md
0x3011 temp_spread_3_delay_ms           10000    100  30000  # protection.md
0x3012 temp_rise_3_dc_s                    10      2     20  # protection.md: 1 K/s
0x3013 temp_rise_3_delay_ms              3000   1000   6000  # protection.md: over 3 s
0x3014 string_sum_2_permille               20      5     50  # protection.md: 2 %
0x3015 string_sum_2_delay_ms             5000    100  60000  # engineering default
0x3016 fuse_open_3_delay_ms               500    100   2000  # engineering default
0x3017 link_ov_3_mv                   1000000 100000 1500000  # rating of link and PCS
0x3018 link_ov_3_delay_ms                 100    100   1000  # engineering default
0x3019 link_reversed_3_mv              -20000  -50000  -1000  # engineering default
0x301A link_reversed_3_delay_ms           100    100   1000  # engineering default
# current sensor against the PCS, 1 s samples
0x301B current_mismatch_1_permille         60     10    500  # engineering default
0x301C current_mismatch_2_permille        120     10    250  # engineering default
0x301D current_mismatch_1_recover_permille      40      5    500  # engineering default
0x301E current_mismatch_2_recover_permille      40      5    500  # engineering default
0x301F current_mismatch_1_delay_ms      10000   1000  60000  # engineering default
0x3020 current_mismatch_2_delay_ms      10000   1000  60000  # engineering default
0x3021 current_offset_2_ma               2000    100   5000  # engineering default
0x3022 current_offset_2_delay_ms         5000   1000  60000  # engineering default
0x3023 current_stuck_2_delay_ms          2000   1000  60000  # engineering default
0x3024 pcs_excess_1_permille               30      5    500  # engineering default
0x3025 pcs_excess_3_permille              100      5    250  # engineering default
0x3026 pcs_excess_1_recover_permille       20      0    500  # engineering default
0x3027 pcs_excess_1_delay_ms             2000    100  60000  # engineering default
0x3028 pcs_excess_3_delay_ms             2000    100   5000  # engineering default
0x3029 pcs_crc_1_count                      4      1    100  # engineering default
# insulation
0x302A insulation_1_ohm_v                 500     10   5000  # protection.md
0x302B insulation_1_recover_ohm_v         600     10   6000  # protection.md: +20 %
0x302C insulation_1_delay_ms            20000   1000 120000  # protection.md
0x302D insulation_2_ohm_v                 300    300   5000  # protection.md
0x302E insulation_2_recover_ohm_v         360     10   6000  # protection.md: +20 %
0x302F insulation_2_delay_ms            20000   1000 120000  # protection.md
0x3030 insulation_3_ohm_v                 100    100   5000  # protection.md
0x3031 insulation_3_delay_ms            10000   1000  30000  # protection.md
0x3032 insulation_silent_1_ms            3000   1000  60000  # three of its cycles
0x3033 insulation_silent_2_ms           10000   1000 120000  # engineering default
0x3034 insulation_silent_3_ms           60000   1000 120000  # engineering default
0x3035 insulation_device_1_delay_ms      5000   1000  60000  # engineering default
# contactors, precharge resistor
0x3036 precharge_hot_2_permille          1000    100   1000  # energy within the resistor's rating
0x3037 precharge_hot_2_recover_permille     500     50   1000  # engineering default
0x3038 precharge_resistor_mohm          56000   1000 400000  # of the virtual cabinet
0x3039 precharge_rated_j                 6000    100 100000  # three charges of a 6 mF link at 800 V
0x303A precharge_cooling_s                 60      6   3600  # its rated energy in no less than this time
0x303B contactor_life_1_count           90000    100 1000000  # 90 % of 100 000 operations
# temperature sensors and cells that do not live
0x303C sensor_open_1_delay_ms            2000    100  60000  # engineering default
0x303D sensor_short_1_delay_ms           2000    100  60000  # engineering default
0x303E sensors_lost_3_delay_ms           2000    100   5000  # engineering default
0x303F sensor_frozen_1_delay_ms          5000   1000  60000  # engineering default
0x3040 sensor_frozen_moved_dc              20      5    500  # exactly the same while the mean moved 2 K
0x3041 sensor_implausible_1_delay_ms    30000   1000 120000  # engineering default
0x3042 sensor_implausible_dc              150     20    500  # apart from both neighbours
0x3043 cell_frozen_2_delay_ms            5000   1000  60000  # engineering default
0x3044 cell_frozen_moved_dmv              100     10   2000  # exactly the same while the mean moved 10 mV
0x3045 afe_reference_2_delay_ms          1000    100  60000  # engineering default
0x3046 afe_supply_2_delay_ms             1400    700  60000  # engineering default
0x3047 afe_config_2_delay_ms              700    700  60000  # engineering default
0x3048 afe_hot_1_dc                      1000    400   1500  # LTC6813: up to 125 degC
0x3049 afe_hot_2_dc                      1150    400   1250  # engineering default
0x304A afe_hot_1_recover_dc               900    300   1500  # engineering default
0x304B afe_hot_2_recover_dc              1000    300   1500  # engineering default
0x304C afe_hot_1_delay_ms                2100    700  60000  # engineering default
0x304D afe_hot_2_delay_ms                2100    700  60000  # engineering default
0x304E wrong_module_4_delay_ms           1000    100  10000  # engineering default
# cabinet: terminals, supply, coolant, PCS, board
0x304F terminal_hot_1_dc                  700    200   1500  # protection.md
0x3050 terminal_hot_1_recover_dc          600    100   1500  # protection.md: -10
0x3051 terminal_hot_1_delay_ms           5000   1000  60000  # protection.md
0x3052 terminal_hot_2_dc                  800    200   1500  # protection.md
0x3053 terminal_hot_2_recover_dc          700    100   1500  # protection.md: -10
0x3054 terminal_hot_2_delay_ms           5000   1000  60000  # protection.md
0x3055 terminal_hot_3_dc                  900    200   1050  # protection.md
0x3056 terminal_hot_3_delay_ms           2000   1000  10000  # protection.md
0x3057 terminal_sensor_1_delay_ms        5000   1000  60000  # engineering default
0x3058 supply_low_1_mv                  21000  15000  40000  # 24 V supply
0x3059 supply_low_1_delay_ms             1000    100  60000  # engineering default
0x305A supply_low_2_mv                  19000  15000  40000  # 24 V supply
0x305B supply_low_2_delay_ms             1000    100  60000  # engineering default
0x305C supply_low_3_mv                  17000  15000  40000  # 24 V supply
0x305D supply_low_3_delay_ms              300    100   2000  # engineering default
0x305E supply_low_1_recover_mv          22000   8000  40000  # engineering default
0x305F supply_low_2_recover_mv          21000   8000  40000  # engineering default
0x3060 supply_high_1_mv                 29000   8000  39000  # 24 V supply
0x3061 supply_high_1_delay_ms            1000    100  60000  # engineering default
0x3062 supply_high_2_mv                 31000   8000  39000  # 24 V supply
0x3063 supply_high_2_delay_ms            1000    100  60000  # engineering default
0x3064 supply_high_1_recover_mv         28000   8000  39000  # engineering default
0x3065 supply_high_2_recover_mv         29000   8000  39000  # engineering default
0x3066 adc_reference_2_permille            30      5    100  # engineering default
0x3067 adc_reference_2_delay_ms          1000    100  60000  # engineering default
0x3068 pcs_hot_1_dc                       450    200   1000  # pcs_coordinator.md
0x3069 pcs_hot_1_recover_dc               400    100   1000  # engineering default
0x306A pcs_hot_1_delay_ms                5000   1000  60000  # engineering default
0x306B pcs_hot_2_dc                       550    200   1000  # pcs_coordinator.md
0x306C pcs_hot_2_recover_dc               500    100   1000  # engineering default
0x306D pcs_hot_2_delay_ms                5000   1000  60000  # engineering default
0x306E pcs_hot_3_dc                       600    200    700  # pcs_coordinator.md
0x306F pcs_hot_3_delay_ms                2000   1000  10000  # engineering default
0x3070 board_hot_1_dc                     750    400   1250  # engineering default
0x3071 board_hot_1_recover_dc             700    300   1250  # engineering default
0x3072 board_hot_1_delay_ms              5000   1000  60000  # engineering default
0x3073 board_hot_2_dc                     850    400   1050  # engineering default
0x3074 board_hot_2_recover_dc             800    300   1250  # engineering default
0x3075 board_hot_2_delay_ms              5000   1000  60000  # engineering default
0x3076 coolant_flow_1_delay_ms          15000   1000 120000  # thermal.md: fans and pump lead 10..15 s
0x3077 flow_stuck_1_delay_ms           150000   1000 600000  # beyond the pump's lag
0x3078 heater_stuck_2_delay_ms           5000   1000  60000  # engineering default
0x3079 compressor_1_delay_ms             1000   1000  60000  # engineering default
0x307A condensation_1_delay_ms          60000   1000 600000  # engineering default
0x307B condensation_margin_dc              30      0    200  # thermal.md: 3 K over the dew point
# link and records
0x307C command_crc_1_count                  2      1   1000  # in one second
0x307D command_replay_1_count               2      1   1000  # in one second
0x307E soc_low_1_cpct                     500      0   5000  # engineering default
0x307F soc_low_1_recover_cpct             800      0   5000  # engineering default
# inputs
0x3080 door_1_delay_ms                   1000     10  60000  # engineering default
0x3081 smoke_3_delay_ms                    50     10   1000  # engineering default
0x3082 gas_3_delay_ms                      50     10   1000  # engineering default
0x3083 enable_lost_3_delay_ms              30     10    100  # engineering default
0x3084 insulation_fitted                    1      0      1  # 0: no monitor on the cabinet bus
# balancing
0x3085 bleed_mohm                       33000   1000 200000  # bleed resistor of a cell
0x3086 balance_start_dmv                34000  30000  42000  # only where voltage tells charge
0x3087 balance_gap_mah                    300     10  20000  # engineering default
0x3088 balance_board_max_dc               600    200   1000  # hottest die while bleeding
# what was not read, or not believed
0x30B0 diagnosis_silent_1_ms             5000   1000  60000  # seven rounds of diagnosis
0x30B1 diagnosis_silent_2_ms            30000   1000 600000  # engineering default
0x30B2 afe_config_1_count                   0      0     45  # any loss in the last ten seconds
0x30B3 afe_config_2_count                  15      0     45  # a second loss within ten seconds of the first
0x30B4 current_lost_1_permille             50      5    900  # of a second: 5 of 100 currents, 1 of 20 voltages
0x30B5 current_lost_1_delay_ms           2000   1000  60000  # engineering default
0x30B6 terminal_sensor_1_count              0      0      1  # one lost: the other one is all there is
0x30B7 terminal_sensor_3_count              1      0      1  # both lost
0x30B8 terminal_sensor_3_delay_ms        2000   1000  20000  # tripped within the 3 s of protection.md, stale data
0x30B9 cabinet_sensor_1_delay_ms         5000   1000  60000  # as terminal_sensor
0x30BA heater_silent_1_delay_ms          5000   1000  60000  # as heater_stuck
0x30BB insulation_frozen_ms             30000   5000 300000  # the monitor counts its results; engineering default
0x30BC insulation_told_1_count              0      0      1  # the monitor warns by its own threshold
0x30BD insulation_told_2_count              1      0      1  # the monitor says insulation fault
0x30BE insulation_told_2_delay_ms       10000   1000 120000  # engineering default
# voltage tapers of the allowed current, full at the first bound and zero at the second
0x30D8 charge_taper_from_dmv            34500  30000  43000  # protection.md
0x30D9 charge_taper_to_dmv              35500  30000  43000  # protection.md
0x30DA discharge_taper_from_dmv         31500  15000  42000  # protection.md
0x30DB discharge_taper_to_dmv           30000  15000  42000  # protection.md
"""


def address(field):
    """(index, sub-index) of the first column of a row."""
    index, _, sub = field.partition(".")
    return int(index, 0), int(sub or "0")


def reserved(index, sub, value):
    """CiA 301 keeps the value for itself: a SYNC counter of 1, transmission types 241..253."""
    if index == 0x1019:
        return value == 1
    return 0x1800 <= index < 0x1A00 and sub == 2 and 240 < value < 254


class Parameters:
    """Values of the table, range-checked; index and name lookups happen off the fast path only.

    `values` is array('i') in table order. `get` raises KeyError for an unknown name,
    `set` raises KeyError or ValueError with a sentence that names the range.
    """

    table = TABLE

    def __init__(self):
        defaults = array("i")
        for fields in rows(TABLE):
            defaults.append(int(fields[2], 0))
        self.values = defaults
        # the line found last and its row: what is asked for together mostly stands together,
        # and a search through the whole text is what costs
        self._known_start = 0
        self._known_row = -1

    def _fields(self, start):
        return TABLE[start : TABLE.find(b"\n", start)].decode().split(None, 5)

    def row_at(self, start):
        """Row in `values` of the line that starts at an offset of the table."""
        known = self._known_start
        if start < known:
            self._known_row -= TABLE.count(b"\n0x", start, known + 2)
        else:
            self._known_row += TABLE.count(b"\n0x", known, start + 2)
        self._known_start = start
        return self._known_row

    def _find(self, name):
        """Offset of a parameter's line, -1 where there is none."""
        key = b" " + name.encode() + b" "
        known = self._known_start
        at = TABLE.find(key, known, known + _NEAR)
        if at < 0:
            at = TABLE.rfind(key, max(known - _NEAR, 0), known + len(key))
        if at < 0:
            at = TABLE.find(key)
        while at >= 0:
            start = TABLE.rfind(b"\n", 0, at) + 1
            # the second column of a row, and no word of a comment
            if TABLE.find(b" ", start) <= at and not TABLE[TABLE.find(b" ", start) : at].strip():
                if TABLE[start : start + 2] == b"0x":
                    return start
            at = TABLE.find(key, at + 1)
        return -1

    def has(self, name):
        """Whether a parameter has this name."""
        return self._find(name) >= 0

    def row(self, name):
        """Row of a parameter in `values`. Raises KeyError for an unknown name."""
        start = self._find(name)
        if start < 0:
            raise KeyError("no parameter is named " + name)
        return self.row_at(start)

    def get(self, name):
        """Value of the parameter, in the unit of its suffix."""
        return self.values[self.row(name)]

    def set(self, name, value):
        """Set a parameter; out of range is refused and the old value stays."""
        row = self.row(name)
        fields = self._fields(self._known_start)
        low, high = int(fields[3], 0), int(fields[4], 0)
        if not low <= value <= high:
            raise ValueError("{} is {}, allowed are {}..{}".format(name, value, low, high))
        index, sub = address(fields[0])
        if reserved(index, sub, value):
            raise ValueError("{} is {}, which CiA 301 reserves".format(name, value))
        self.values[row] = value

    def _find_entry(self, index, sub):
        """Offset of the line of an object-dictionary entry, 0 where there is none."""
        key = "\n0x%04X.%d " % (index, sub) if sub else "\n0x%04X " % index
        return TABLE.find(key.encode()) + 1

    def find(self, index, sub):
        """(row, minimum, maximum) of an object-dictionary entry, or None."""
        start = self._find_entry(index, sub)
        if not start:
            return None
        fields = self._fields(start)
        return self.row_at(start), int(fields[3], 0), int(fields[4], 0)

    def name(self, index, sub):
        """Name of the parameter that an object-dictionary entry is."""
        return self._fields(self._find_entry(index, sub))[1]

    def dump(self, base):
        """Bytes of every value that differs from array `base`, for a store."""
        changed = bytearray()
        row = 0
        for fields in rows(TABLE):
            value = self.values[row]
            if value != base[row]:
                index, sub = address(fields[0])
                at = len(changed)
                changed.extend(bytes(_RECORD))
                pack_into("<HBi", changed, at, index, sub, value)
            row += 1
        return bytes(changed)

    def restore(self, stored):
        """Take what `dump` gave; returns how many records fit no parameter or its range."""
        refused = 0
        for at in range(0, len(stored) - _RECORD + 1, _RECORD):
            index, sub, value = unpack_from("<HBi", stored, at)
            found = self.find(index, sub)
            if found is None or not found[1] <= value <= found[2] or reserved(index, sub, value):
                refused += 1
            else:
                self.values[found[0]] = value
        return refused + (1 if len(stored) % _RECORD else 0)
