"""The same seed, data and machine, the same figures."""

import keras


def seed_everything(seed: int) -> None:
    """Set the seeds of Python, NumPy and Keras, and let TensorFlow compute alike every time.

    Its fastest kernels add up in whatever order their threads come to an end.
    """
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
