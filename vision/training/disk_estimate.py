"""How much disk a training will need, told before it starts and without TensorFlow."""

from typing import TYPE_CHECKING

from vision.heads.specs import HeadSpec

if TYPE_CHECKING:
    from .head_recipes import HeadRecipe
    from .network_recipes import NetworkRecipe

_CHANNELS = 512  # of pool4 and pool5
_HALF, _FLOAT = 2, 4  # bytes
_BACKBONE = 14_714_688  # weights of VGG16's convolutions
_BLOCK5 = 3 * (9 * _CHANNELS * _CHANNELS + _CHANNELS)
# A checkpoint holds every weight that learns as it is, as it was best, and two moments of Adam.
_COPIES = 4
# One from scratch holds the average of the weights too, and the best average.
_NETWORK_COPIES = 5


def feature_bytes(recipe: "HeadRecipe", input_size: int, trained: int, validated: int) -> int:
    """What the features of so many images come to, all views and cuts of the recipe together."""
    strides = (32,) if recipe.unfreeze == "none" else (32, 16)
    positions = sum((input_size // stride) ** 2 for stride in strides)
    rows = trained * (2 if recipe.mirror else 1) + validated * (
        2 if recipe.augments_at_test_time else 1
    )
    return rows * positions * _CHANNELS * _HALF


def checkpoint_bytes(recipe: "HeadRecipe", input_size: int) -> int:
    """At most: every stage's checkpoint, the largest of them written anew, and the bundle."""
    stages = [_weights(head, input_size) for head in recipe.heads]
    heads = sum(stages)
    if recipe.unfreeze == "block5":
        stages.append(heads + _BLOCK5)
    checkpoints = _COPIES * (sum(stages) + max(stages))
    return _FLOAT * (checkpoints + _BACKBONE + heads)


def network_bytes(recipe: "NetworkRecipe", images: int) -> int:
    """At most: the decoded crops, a checkpoint that is written anew, and the bundle."""
    network = _BACKBONE + sum(_weights(head, recipe.input_size) for head in recipe.heads)
    return 3 * recipe.decoded_side**2 * images + _FLOAT * network * (2 * _NETWORK_COPIES + 1)


def _weights(head: HeadSpec, input_size: int) -> int:
    """Kernels and biases of a head's dense layers."""
    wide = 2 * _CHANNELS
    if head.pooling == "flatten":
        wide = (input_size // 32) ** 2 * _CHANNELS
    total = 0
    for layer in head.layers:
        if "dense" in layer:
            units = int(layer["dense"])
            total += (wide + 1) * units
            wide = units
    return total
