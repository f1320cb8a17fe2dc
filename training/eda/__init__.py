"""What a dataset holds, in figures and charts."""
