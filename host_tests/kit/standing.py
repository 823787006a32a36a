"""Asks a Protection by a fault's name or number, as tests like to."""

from bess.protect.fault_table import fault_id


def stands(protection, fault, level):
    """That level of the fault stands or is latched; False where it has no such level."""
    try:
        number = fault_id(fault) if isinstance(fault, str) else fault
        return protection.stands(protection.row(number, level))
    except KeyError:
        return False
