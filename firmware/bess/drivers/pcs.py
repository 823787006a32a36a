"""The PCS contract: what a driver of a power converter is to the firmware above it.

A family is one file here: a class that is built as Family(port, leaves) with the CanPort of the
cabinet's bus, and that knows its registers or frames, its units and its signs, nothing else.
Ramps, limits and reactions are control.pcs_control's. host_tests/kit/pcs_contract.py holds every
family to this page.

Told, in every order, at any time; a new one is stopped, with a set-point of zero:
    start()                      synchronise and run at the set-point, until stop()
    stop()                       give no power, then leave the grid, until start()
    set(power_w, reactive_var)   + = out of the battery, into the grid; what the PCS is asked for
                                 is rounded toward zero, so that it is never more than this
Read; what was never heard is OFF and 0:
    state                        OFF .. FAULT below
    power_actual_w               + = out of the battery
    dc_voltage_dv, temperature_dc    DC link in 0.1 V, air inlet in 0.1 degC
    fault                        the family's own number, 0: none
    status_ms                    when the newest good status came, -1 before the first; a damaged,
                                 repeated or foreign one is none
    crc_streak                   refused status frames in a row, 0 .. 250
Moved:
    filters                      acceptance filters of its frames, for CanPort
    ids                          the identifiers whose frames `receive` is given
    receive(can_id, data, length, now_ms)    True when the frame was its own
    transmit(now_ms)             every fast tick: says what it was told at once and again, more
                                 often than the PCS takes for silence
    hold_stamps(now_ms)          keeps old stamps old (port.ticks.held)

All under heap_lock: integers inside -2^30..2^30-1 and no allocation. A verb form(droop) joins
with the first family that forms a grid.
"""

from bess.port.interpreter import const

# state
OFF = const(0)
STARTING = const(1)
RUNNING = const(2)
STOPPING = const(3)
FAULT = const(4)
