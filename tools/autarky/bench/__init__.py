"""What the firmware and the virtual site cost, as ratios of one run."""
