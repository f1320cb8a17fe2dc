"""Photos in, estimates out: what a worker runs."""
