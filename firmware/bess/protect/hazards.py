"""THE hazard table: what a standing fault switches off besides what its level does.

Level 3 and 4 always block the gates and open the contactors, level 2 takes the power away; here
is what else in the cabinet feeds the hazard. A fault acts at any of its levels, from the tick
in which it is raised until it is cleared.

E-stop and gas: everything that can spark or move. A drawn module leaves its hoses open. Smoke:
what heats and what blows, while the pump goes on: it carries heat away from a burning module.
HVIL: what high voltage feeds. Who cannot see the cells does not heat or bleed them, and cools as
control.thermal does blind.
"""

from bess.port.interpreter import const
from bess.table import rows

TABLE = b"""\
estop            heater chiller pump bleeding
gas              heater chiller pump bleeding
module_pulled    heater chiller pump bleeding
smoke            heater chiller bleeding
hvil             heater chiller
door             chiller
compressor       chiller
condensation     chiller
coolant_flow     heater chiller
flow_stuck       heater chiller
heater_stuck     heater
chiller_silent   heater chiller
charge_ot        heater
discharge_ot     heater
temp_rise        heater
temp_silent      heater bleeding
afe_silent       heater bleeding
sensors_lost     heater bleeding
wrong_module     bleeding
open_wire        bleeding
afe_self_test    bleeding
cell_uv          bleeding
deep_discharge   bleeding
ram_test         heater chiller bleeding
program_hash     heater chiller bleeding
task_stopped     heater chiller pump bleeding
heap_used        heater chiller bleeding
clock            heater chiller bleeding
"""

HEATER = const(1)
CHILLER = const(2)
PUMP = const(4)
BLEEDING = const(8)
_ACTUATORS = ("heater", "chiller", "pump", "bleeding")


def stops_of(fault_name):
    """Bits of the actuators that a fault switches off, 0 for none."""
    bits = 0
    for fields in rows(TABLE):
        if fields[0] == fault_name:
            for name in fields[1:]:
                bits |= 1 << _ACTUATORS.index(name)
    return bits
