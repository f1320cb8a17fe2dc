"""The frozen exam that every version sits, and the gate that compares versions by it."""
