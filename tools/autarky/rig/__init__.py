"""Every scenario and every fault case on what stands on a bench, and the report of it."""
