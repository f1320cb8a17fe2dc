"""The administrators' pages: datasets and their charts, images, runs, model versions."""

from . import datasets, reviews, runs, samples, versions

__all__ = ["datasets", "reviews", "runs", "samples", "versions"]
