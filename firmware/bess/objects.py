"""The cyclic objects of the site bus (design page can.md), the source of site.dbc, and what
can be read of a cabinet besides its parameters, the source of cabinet.eds with them.

`frame NAME ID WHEN PROTECTION`: identifier base (plus node id), WHEN is rx, sync or
event, PROTECTION e2e or plain. A protected frame has its CRC in byte 0 and its counter
in the low nibble of byte 1. `field NAME START BITS SIGN SCALE UNIT`.
"""

PDO_TABLE = b"""\
frame command       0x200 rx    e2e
field mode_request   12  3 u 1     -
field fast_stream    15  1 u 1     -
field active_power   16 16 i 100   W
field reactive_power 32 16 i 100   var
field droop_offset   48 16 i 1     mHz
frame status        0x180 sync  e2e
field state          12  4 u 1     -
field charge_limit   16 16 u 100   W
field discharge_limit 32 16 u 100  W
field worst_fault    48  7 u 1     -
field removal_asked  55  1 u 1     -
field flags          56  8 u 1     -
frame power         0x280 sync  e2e
field state          12  4 u 1     -
field dc_voltage     16 16 u 0.1   V
field dc_current     32 16 i 0.1   A
field active_power   48 16 i 100   W
frame energy        0x380 event plain
field soc             0 16 u 0.01  %
field soh            16  8 u 0.5   %
field energy_up      24 16 u 0.1   kWh
field energy_down    40 16 u 0.1   kWh
field strings_joined 56  1 u 1     -
field anchor_wanted  57  1 u 1     -
field soc_sigma      58  6 u 0.5   %
frame cells         0x480 event plain
field cell_min        0 16 u 1     mV
field cell_max       16 16 u 1     mV
field cell_min_index 32 16 u 1     -
field cell_max_index 48 16 u 1     -
frame temperatures  0x300 event plain
field temp_min        0  8 i 1     degC
field temp_max        8  8 i 1     degC
field temp_min_index 16 16 u 1     -
field temp_max_index 32 16 u 1     -
field slots_fault    48 16 u 1     -
frame cell_stream   0x500 event plain
field first_index     0 16 u 1     -
field voltage_0      16 16 u 1     mV
field voltage_1      32 16 u 1     mV
field voltage_2      48 16 u 1     mV
frame schedule      0x400 rx    e2e
field purpose        12  2 u 1     -
field island         14  1 u 1     -
field wanted_in      16 16 u 10    s
field rate           32 16 u 1     permille
field reserved_0     48 16 u 1     -
"""
STREAM_CELLS = 3

# columns as in link/communication.py; the root is the cabinet. What is measured says after `?`
# what tells that it is known
OBJECT_TABLE = b"""\

0x2100 state                     u8  ro  -       modes.state
0x2101 cells.voltage.min         u16 ro  0.1mV   .cells.cell_min_dmv?.cells.cells_read
0x2102 cells.voltage.max         u16 ro  0.1mV   .cells.cell_max_dmv?.cells.cells_read
0x2103 cells.voltage.mean        u16 ro  0.1mV   .cells.cell_mean_dmv?.cells.cells_read
0x2104 cells.voltage.min_index   u16 ro  -       .cells.cell_min_index?.cells.cells_read
0x2105 cells.voltage.max_index   u16 ro  -       .cells.cell_max_index?.cells.cells_read
0x2106 cells.temperature.min     i16 ro  0.1degC .cells.temp_min_dc?.cells.sensors_read
0x2107 cells.temperature.max     i16 ro  0.1degC .cells.temp_max_dc?.cells.sensors_read
0x2108 cells.temperature.mean    i16 ro  0.1degC .cells.temp_mean_dc?.cells.sensors_read
0x2109 cells.temperature.min_index u16 ro -      .cells.temp_min_index?.cells.sensors_read
0x210A cells.temperature.max_index u16 ro -      .cells.temp_max_index?.cells.sensors_read
0x210B cells.count               u16 ro  -       .cells.cell_count
0x210C cells.sensors             u16 ro  -       .cells.sensor_count
0x210D cells.scans               u32 ro  -       .cells.scans
0x210E cells.afe_crc_errors      u32 ro  -       .chain.crc_errors
0x2110 string.voltage            i32 ro  mV      .meter.string_mv?telemetry.voltage_known
0x2111 string.current            i32 ro  mA      .meter.current_ma?telemetry.current_known
0x2112 string.power              i32 ro  W       .meter.power_w?telemetry.power_known
0x2113 link.voltage              i32 ro  mV      .meter.link_mv?telemetry.voltage_known
0x2114 soc                       u16 ro  0.01%   .estimator.soc.soc_cpct?telemetry.soc_known
0x2115 contactors.state          u8  ro  -       .contactors.state
0x2116.* contactors.closings     u32 ro  -       history.closings
0x2117 limits.charge_current     i32 ro  mA      limits.charge_ma
0x2118 limits.discharge_current  i32 ro  mA      limits.discharge_ma
0x2119 limits.charge_power       i32 ro  W       limits.charge_w
0x211A limits.discharge_power    i32 ro  W       limits.discharge_w
0x211B pcs.setpoint              i32 ro  W       pcs.setpoint_w
0x211C thermal.mode              u8  ro  -       thermal.mode
0x2140 thermal.outlet            i16 ro  0.1degC thermal.outlet_dc
0x2141 thermal.drive             u16 ro  permille thermal.modulation.permille
0x2142 thermal.cell_heat         i32 ro  W       thermal.heat_w
0x2143 thermal.wanted_in         u32 ro  s       thermal.preheat.wanted_in_s
0x2144 thermal.pace              u16 ro  permille thermal.preheat.pace_permille
0x2145 thermal.dew_point         i16 ro  0.1degC environment.dew_dc
0x211D slots.missing             u32 ro  -       .slots.missing
0x211E uptime                    u32 ro  10ms    scheduler.uptime_ticks
0x2130 soc.sigma                 u16 ro  0.01%   .estimator.soc.sigma_cpct?telemetry.soc_known
0x2131 soc.anchor_wanted         u8  ro  -       .estimator.soc.anchor_wanted?telemetry.soc_known
0x2132 soh.capacity              u16 ro  0.01%   .estimator.health.soh_cpct?telemetry.soc_known
0x2133 soh.resistance u32 ro permille .estimator.health.resistance_permille?telemetry.soc_known
0x2134 soh.cycles u32 ro permille .estimator.health.cycles_permille?telemetry.soc_known
0x2135.* soh.time_at_temperature u32 ro  s       .estimator.health.seconds_at?telemetry.soc_known
0x2136.* charge.totals           i32 ro  -       .counter.totals?telemetry.soc_known
0x2137 current.zero              i32 ro  mA      .counter.zero_ma
0x2138.* power.discharge         i32 ro  W       .estimator.power.discharge_w?telemetry.soc_known
0x2139.* power.charge            i32 ro  W       .estimator.power.charge_w?telemetry.soc_known
0x213A.* power.discharge_current i32 ro  mA      .estimator.power.discharge_ma?telemetry.soc_known
0x213B.* power.charge_current    i32 ro  mA      .estimator.power.charge_ma?telemetry.soc_known
0x213C soc.table_doubt u16 ro permille .estimator.table_doubt_permille?telemetry.soc_known
0x213D.* table_shift.learned     i16 ro  0.1mV   .estimator.table_shift.learned_dmv
0x213E.* table_shift.looks       u8  ro  -       .estimator.table_shift.looks
0x2120 link.unknown_frames       u32 ro  -       node.unknown_frames
0x2121 link.service_lost         u32 ro  -       node.service_lost
0x2122 link.bus_offs             u32 ro  -       site.port.bus_offs
0x2123 link.received_lost        u32 ro  -       site.port.rx_lost
0x2124 link.command_crc_errors   u32 ro  -       command.checker.crc_errors
0x2125 link.command_counter_errors u32 ro -      command.checker.counter_errors
0x2126 link.command_length_errors u32 ro -       command.checker.length_errors
0x2127.* task.failures           u32 ro  -       scheduler.failures
0x2200.* cell.voltage            u16 ro  0.1mV   .cells.voltage_dmv?.cells.cell_known
0x2204 snapshot                  dom ro  -       telemetry.snapshot
0x2210.* sensor.temperature      i16 ro  0.1degC .cells.temperatures_dc?.cells.sensor_known
0x2300.* fault.level             u8  ro  -       protection.levels
0x2301 fault.worst               u8  ro  -       protection.worst_fault
0x2302 fault.worst_level         u8  ro  -       protection.worst_level
0x2303.* string.worst_fault      u16 ro  -       protection.worst_of_strings
0x2310 fault.reset               u8  rw  -       modes.resetting|command.request_reset
0x2312 parameters.conflict       str ro  -       stored.conflict
0x2320 insulation                u32 ro  ohm/V   insulation.ohm_per_volt?telemetry.insulation_known
0x2321 environment.supply        u16 ro  mV      environment.supply_mv?environment.supply_mv
0x2322 environment.terminal      i16 ro  0.1degC environment.terminal_dc
0x2323 environment.coolant       i16 ro  0.1degC environment.coolant_dc
0x2324 environment.ambient       i16 ro  0.1degC environment.ambient_dc
0x2325 environment.humidity u16 ro 0.1% environment.humidity_permille?environment.humidity_permille
0x2326 environment.board         i16 ro  0.1degC environment.board_dc
0x2327 balancing.bleeding        u16 ro  -       .balancing.bleeding
0x2328 afe.temperature           i16 ro  0.1degC .cells.afe_temp_dc?telemetry.die_known
0x2400 event_log                 dom ro  -       log
0x2401 event_log.records         u32 ro  -       log.records
0x2402 event_log.lost            u32 ro  -       log.lost
0x2420 program.slot              u8  ro  -       program.slot
0x2421 program.hold              u8  rws -       modes.hold|command.hold
0x2422 program.trial             u8  rw  -       program.on_trial|command.confirm
0x2423 program.sha256            str ro  -       program.sha256
0x2430 removal.asked             u8  rws -       modes.removal.asked|command.ask_removal
0x2431 removal.stage             u8  ro  -       modes.removal.stage
0x2432 removal.lamp              u8  ro  -       modes.removal.lamp
0x2410 trace                     dom ro  -       trace
0x2411 trend                     dom ro  -       trend
"""

# high nibble of byte 1 of a command
REQUEST_STANDBY = 0
REQUEST_READY = 1
REQUEST_RUN = 2
REQUEST_RELEASE = 3
