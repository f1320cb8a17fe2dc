"""Datasets, training runs and the versions of the model."""
