"""Files that follow from the firmware's tables."""
