"""The batches of a training that augments: in an order, and with views, that a seed decides."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .augment import start_views
from .pretrain_recipe import Augmentation, PretrainRecipe
from .reading import AS_THEY_ARE, Reading
from .targets import Targets

Batch = tuple[NDArray[np.uint8], dict[str, NDArray[np.float32]], dict[str, NDArray[np.float32]]]
"""Crops (N, S, S, 3); by head, truths and shares (N, 3) for `losses.blended`, and weights (N,)."""


@dataclass(frozen=True)
class Epoch:
    """One pass over the training split: which one (from 0), at what size, how many a step."""

    number: int
    size: int
    batch: int


def augmented_batches(
    crops: NDArray[np.uint8],
    aims: Targets,
    recipe: PretrainRecipe,
    epoch: Epoch,
    *,
    first: int,
    pool: Executor,
    ahead: int,
    reading: Reading = AS_THEY_ARE,
) -> Iterator[Batch]:
    """The full batches of an epoch from its step `first` on; `ahead` of them are in the making.

    Each depends on the recipe's seed, the epoch and the step alone, so that a training that goes
    on half-way sees what it would have seen.
    """
    order = np.random.default_rng([recipe.seed, epoch.number]).permutation(len(crops))
    waiting: deque[tuple[Future[NDArray[np.uint8]], _Blend]] = deque()
    for step in range(first, len(crops) // epoch.batch):
        rng = np.random.default_rng([recipe.seed, epoch.number, step])
        chosen = order[step * epoch.batch : (step + 1) * epoch.batch]
        blend = _draw_blend(rng, chosen, recipe.augmentation)
        # In the order of the file: the disk likes it better than the shuffled one.
        pixels = crops[np.sort(chosen)][np.argsort(np.argsort(chosen))]
        views = start_views(pixels, rng, recipe.augmentation, epoch.size, pool, reading=reading)
        waiting.append((views, blend))
        if len(waiting) > ahead:
            yield _finished(*waiting.popleft(), aims)
    while waiting:
        yield _finished(*waiting.popleft(), aims)


@dataclass(frozen=True)
class _Blend:
    """Examples (N,), each blended with the one at `partner` of the batch, of which it keeps
    `share`."""

    chosen: NDArray[np.int64]
    partner: NDArray[np.int64]
    share: NDArray[np.float32]


def _draw_blend(
    rng: np.random.Generator, chosen: NDArray[np.int64], strength: Augmentation
) -> _Blend:
    count = len(chosen)
    if not strength.mixup:
        return _Blend(chosen, np.arange(count), np.ones(count, np.float32))
    share = rng.beta(strength.mixup, strength.mixup, count)
    return _Blend(chosen, rng.permutation(count), np.maximum(share, 1 - share).astype(np.float32))


def _finished(views: "Future[NDArray[np.uint8]]", blend: _Blend, aims: Targets) -> Batch:
    pixels, share, partner = views.result(), blend.share, blend.partner
    if (share < 1).any():
        keep = share[:, None, None, None]
        pixels = (keep * pixels + (1 - keep) * pixels[partner]).round().astype(np.uint8)
    truth, weights = {}, {}
    for name, values in aims.truth.items():
        own = values[blend.chosen]
        truth[name] = np.column_stack([own, own[partner], share]).astype(np.float32)
        counting = aims.weights[name][blend.chosen]
        weights[name] = share * counting + (1 - share) * counting[partner]
    return pixels, truth, weights
