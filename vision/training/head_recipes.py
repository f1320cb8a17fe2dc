"""How heads are trained on a backbone that stays, or whose last block goes on with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vision.attributes import GENDER, RACE
from vision.bundles.bundle import Bundle
from vision.data.utkface import Curated
from vision.heads.specs import HeadSpec, classic_heads

from .disk_estimate import checkpoint_bytes, feature_bytes
from .recipe import (
    DiskEstimate,
    Limits,
    RecipeInvalid,
    Workspace,
    changed,
    check_heads,
    check_numbers,
    fields_of,
    read_heads,
    recorded_fields,
    unreadable_in_words,
)

if TYPE_CHECKING:
    from .head_training import Fitted
    from .progress import FitProgress

Unfreeze = Literal["none", "block5"]

_UNSURE = 0.8  # of a gender's probability: about every sixth face is

_LIMITS: Limits = (
    ("epochs", int, 1, 500),
    ("batch", int, 1, 4096),
    ("learning_rate", int | float, 1e-7, 1),
    ("weight_decay", int | float, 0, 1),
    ("patience", int, 1, 500),
    ("balance", int | float, 0, 1),
    ("seed", int, 0, 2**32 - 1),
)


@dataclass(frozen=True)
class HeadRecipe:
    """One way to train heads on a backbone.

    `policy` names the selection of images it is meant for (`vision.data.selection.POLICIES`). At
    most `epochs` passes in batches of `batch`, Adam's rate from `learning_rate` down to nothing by
    a cosine, decoupled `weight_decay`; a head stops after `patience` epochs without a lower
    validation loss and keeps its best weights. `balance`: rare ages, genders and races count more,
    by their rarity to this power (0 not at all, 1 fully; see `losses.balancing_weights`). `mirror`:
    every image is learnt from mirrored too. `unfreeze`: "block5" goes on to train the backbone's
    last block together with the heads, at a tenth of the rate.
    """

    name: str
    policy: str
    heads: tuple[HeadSpec, ...]
    epochs: int = 30
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    patience: int = 5
    balance: float = 0.0
    mirror: bool = False
    unfreeze: Unfreeze = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, _LIMITS)
        if self.unfreeze not in {"none", "block5"}:
            raise RecipeInvalid("unfreeze", value=str(self.unfreeze))
        check_heads(self.heads)

    @property
    def phases(self) -> tuple[str, ...]:
        """What a training goes through, in order."""
        unfrozen = () if self.unfreeze == "none" else (self.unfreeze,)
        return ("features", *(head.name for head in self.heads), *unfrozen, "calibration")

    @property
    def needs_backbone(self) -> bool:
        return True

    @property
    def augments_at_test_time(self) -> bool:
        """Whether a head does; then it is calibrated on mirrored images too."""
        return any(head.tta_threshold for head in self.heads)

    def as_json(self) -> dict[str, Any]:
        """All of it, for a run to keep; `from_json` gives the same recipe."""
        heads = {head.name: head.as_json() for head in self.heads}
        return {**recorded_fields(self), "heads": heads}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "HeadRecipe":
        """Raises RecipeInvalid where the record is no recipe of this version of FaceRoute."""
        known = fields_of(record)
        with unreadable_in_words(cls, known):
            return cls(**{**known, "heads": read_heads(known)})

    def with_changes(self, *, heads: Sequence[str] | None = None, **changes: Any) -> "HeadRecipe":
        """The recipe with some fields changed, and only the named ones of its heads.

        Raises RecipeInvalid for a value out of range, a field or a head it does not have.
        """
        return changed(self, heads, changes)

    def disk_estimate(self, input_size: int, trained: int, validated: int) -> DiskEstimate:
        features = feature_bytes(self, input_size, trained, validated)
        return DiskEstimate(features, checkpoint_bytes(self, input_size))

    def train(
        self,
        backbone: Bundle | None,
        curated: Curated,
        workspace: Workspace,
        on_progress: "Callable[[FitProgress], None]",
    ) -> "Fitted":
        from .head_training import fit

        if backbone is None:
            raise ValueError(f"The recipe {self.name} needs a backbone.")
        return fit(
            self,
            backbone,
            curated,
            cache=workspace.cache,
            cache_bytes=workspace.cache_bytes,
            folder=workspace.folder,
            on_progress=on_progress,
        )


def full_heads() -> tuple[HeadSpec, ...]:
    """The age as a distribution over 0…100, both genders, all five races.

    docs/experiments/retraining.md compares them with the deck's, docs/experiments/starter-model.md
    tells what test-time augmentation brings.
    """

    def output(units: int, activation: str) -> tuple[dict[str, Any], ...]:
        return ({"dense": units, "activation": activation, "name": "Output"},)

    return (
        HeadSpec("age", "max_mean", output(101, "softmax"), "distribution"),
        HeadSpec(
            "gender",
            "max_mean",
            output(1, "sigmoid"),
            "binary",
            GENDER.labels,
            tta_threshold=_UNSURE,
        ),
        HeadSpec("race", "max_mean", output(len(RACE.labels), "softmax"), "classes", RACE.labels),
    )


CLASSIC = HeadRecipe(name="classic", policy="classic", heads=classic_heads())
FULL = HeadRecipe(name="full", policy="full", heads=full_heads(), balance=0.5, mirror=True)
HEAD_RECIPES: dict[str, HeadRecipe] = {recipe.name: recipe for recipe in (CLASSIC, FULL)}
