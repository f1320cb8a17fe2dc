"""What a network is computed in on the machine at hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vision.types import INT8, PRECISIONS

_GPU_DEVICES = ("nvidia[0-9]*", "dxg")  # on Linux; on Linux within Windows


def choose_precision(wanted: str = "auto") -> str:
    """The precision to compute the backbone in: the one wanted, or the fastest the machine has.

    bfloat16 on a CPU with AVX512-BF16 or AMX and on a GPU that has it, float16 on an older GPU
    with tensor cores, float32 elsewhere; so, too, in place of int8, which only OpenVINO computes
    in. Raises ValueError for an unknown name.
    """
    check_precision(wanted)
    if wanted not in {"auto", INT8}:
        return wanted
    import keras

    if keras.backend.backend() == "tensorflow":
        return _tensorflow_precision()
    return "bfloat16" if on_accelerator() else "float32"


def check_precision(wanted: str) -> None:
    """Raises ValueError for what is no precision, nor "auto"."""
    if wanted not in PRECISIONS:
        raise ValueError(f"The precision must be one of {', '.join(PRECISIONS)}, not {wanted!r}.")


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Layers that are built inside compute in `precision`; their weights stay float32."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _tensorflow_precision() -> str:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability")
        major = capability[0] if capability else 0
        return "bfloat16" if major >= 8 else "float16" if major == 7 else "float32"
    return "bfloat16" if cpu_has("avx512_bf16", "amx_bf16") else "float32"


def cpu_has(*flags: str) -> bool:
    """Whether the processor has one of some features, as Linux calls them."""
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return any(flag in told for flag in flags)


def has_gpu() -> bool:
    """Whether TensorFlow has a GPU. Imports it only where the machine has such a device at all."""
    if not any(list(Path("/dev").glob(name)) for name in _GPU_DEVICES):
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def on_accelerator() -> bool:
    """Whether what is computed is computed on a GPU, or another device than the CPU."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    # JAX and PyTorch alike tell where they put an array that nobody has placed.
    return "cpu" not in str(keras.ops.zeros(()).device).lower()
