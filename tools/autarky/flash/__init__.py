"""From a package to a running board: flashing, updates, doctor, the virtual board."""
