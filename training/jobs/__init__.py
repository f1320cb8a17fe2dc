"""Long work: how it is held, watched, cancelled and found again."""
