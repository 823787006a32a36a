"""Software in the loop: unmodified firmware in lockstep with plants and buses."""
