"""The whole site in one file, taken while it runs, and brought back into an empty place."""
