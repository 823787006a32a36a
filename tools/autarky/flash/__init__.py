"""From source to a running board: images, signatures, flashing, updates, the virtual board."""
