"""Models of what the firmware watches and commands, down to the registers of its chips."""
