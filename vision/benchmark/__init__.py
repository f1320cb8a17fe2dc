"""How fast a machine does each step, as ratios measured in one run."""
