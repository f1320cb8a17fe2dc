"""Files into pixels: which formats are photos, and decoding them. NumPy and Pillow."""
