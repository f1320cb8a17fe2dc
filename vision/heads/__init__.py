"""The heads on the backbone: their layers, losses, targets and calibration."""
