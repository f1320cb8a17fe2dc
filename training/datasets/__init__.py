"""Datasets: their images, labels, copies and corrections, and how they come in."""
