"""Asks a Protection by a fault's name or number, as tests like to."""

import contextlib

from bess.protect.fault_table import fault_id


def stands(protection, fault, level):
    """That level of the fault stands or is latched anywhere; False where it has no such level."""
    number = fault_id(fault) if isinstance(fault, str) else fault
    for judge in protection.judges:
        with contextlib.suppress(KeyError):
            if judge.stands(judge.row(number, level)):
                return True
    return False
