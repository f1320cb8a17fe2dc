"""Which model versions there are, which one serves, and what their figures are."""
