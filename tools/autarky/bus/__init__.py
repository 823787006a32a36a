"""The virtual CAN bus: bit timing, arbitration, faults, and the servers clients attach to."""
