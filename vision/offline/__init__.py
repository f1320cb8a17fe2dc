"""Training on a borrowed machine without internet: what travels there, and what comes back.

`python -m vision.offline PARCEL --minutes M --out OUT` trains there. It needs Python, JAX, Pillow,
NumPy and safetensors; the wheels of the rest travel along.
docs/administrator/borrowed-gpu.md is the checklist.
"""
