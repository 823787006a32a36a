"""The cyclic objects of the site bus (design page can.md): the source of site.dbc.

`frame NAME ID WHEN PROTECTION`: identifier base (plus node id), WHEN is rx, sync or
event, PROTECTION e2e or plain. A protected frame has its CRC in byte 0 and its counter
in the low nibble of byte 1. `field NAME START BITS SIGN SCALE UNIT`.
"""

PDO_TABLE = b"""\
frame command       0x200 rx    e2e
field mode_request   12  4 u 1     -
field active_power   16 16 i 100   W
field reactive_power 32 16 i 100   var
field droop_offset   48 16 i 1     mHz
frame status        0x180 sync  e2e
field state          12  4 u 1     -
field charge_limit   16 16 u 100   W
field discharge_limit 32 16 u 100  W
field worst_fault    48  8 u 1     -
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
field strings_joined 56  8 u 1     -
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
"""

# high nibble of byte 1 of a command
REQUEST_STANDBY = 0
REQUEST_READY = 1
REQUEST_RUN = 2
