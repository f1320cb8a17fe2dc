"""The network that all heads share, and what it is computed in."""

import os

# TensorFlow would take all memory of a GPU when it starts; so a worker and a training can share
# one. It reads this when it first sees the GPU, and everything that computes imports this package.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
