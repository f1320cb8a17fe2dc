"""Labelled images: reading, cleaning, comparing and selecting them."""
