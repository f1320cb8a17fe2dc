"""How a backbone is trained from scratch: records like those of `head_recipes`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from vision.attributes import AGE
from vision.bundles.bundle import Bundle
from vision.data.utkface import Curated
from vision.heads.losses import AGE_SIGMA
from vision.heads.specs import HeadSpec

from .disk_estimate import network_bytes
from .head_recipes import full_heads
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

_MARGIN = 1.15  # of decoded crops over the largest input
_SMALLEST_INPUT, _LARGEST_INPUT = 48, 512  # the least is keras-vggface's own limit

_NUMBER = int | float
_STAGE_LIMITS: Limits = (
    ("size", int, _SMALLEST_INPUT, _LARGEST_INPUT),
    ("epochs", int, 1, 500),
    ("batch", int, 2, 4096),
)
_AUGMENTATION_LIMITS: Limits = (
    ("smallest", _NUMBER, 0.2, 2),
    ("largest", _NUMBER, 0.2, 2),
    ("rotation", _NUMBER, 0, 45),
    ("shift", _NUMBER, 0, 0.5),
    ("stretch", _NUMBER, 0, 0.5),
    ("brightness", _NUMBER, 0, 0.9),
    ("contrast", _NUMBER, 0, 0.9),
    ("saturation", _NUMBER, 0, 1),
    ("grey", _NUMBER, 0, 1),
    ("erase", _NUMBER, 0, 1),
    ("mixup", _NUMBER, 0, 10),
    ("blur", _NUMBER, 0, 1),
    ("sharpen", _NUMBER, 0, 1),
    ("noise", _NUMBER, 0, 1),
    ("jpeg", _NUMBER, 0, 1),
)
_LIMITS: Limits = (
    ("learning_rate", _NUMBER, 1e-7, 1),
    ("warm_up", _NUMBER, 0, 0.9),
    ("weight_decay", _NUMBER, 0, 1),
    ("average", _NUMBER, 0, 0.99999),
    ("dropout", _NUMBER, 0, 0.9),
    ("smoothing", _NUMBER, 0, 0.5),
    ("age_sigma", _NUMBER, 0.5, 10),
    ("age_balance", _NUMBER, 0, 1),
    ("frozen_blocks", int, 0, 4),
    ("seed", int, 0, 2**32 - 1),
)


# What a record has beside the fields: its kind, and a setting of before. No gradient is taken off
# the weights any more, so a training that was begun with that radius goes on without.
_NOT_FIELDS = ("kind", "sam_radius")


class Stage(NamedTuple):
    """Some epochs at one size: pixels of the square input, passes, images a step."""

    size: int
    epochs: int
    batch: int


@dataclass(frozen=True)
class Augmentation:
    """How differently an image may be seen each time.

    The window that is cut has a side of `smallest` to `largest` crops (over 1 the crop's border
    is repeated around it), is rolled by up to `rotation` degrees, moved by up to `shift` of the
    crop's side and stretched by up to `stretch`; half of them are mirrored where `mirror` is set.
    Brightness, contrast and saturation change by up to the shares given; a share `grey` loses
    its colour, a share `erase` a rectangle. `mixup` is the parameter of the Beta distribution
    that shares of two blended images are drawn from; 0 blends none. Shares `blur`, `sharpen`,
    `noise` and `jpeg` of the views get some of what cameras and editors do to photos; how much at
    most, `training.views` says.
    """

    smallest: float = 0.75
    largest: float = 1.2
    rotation: float = 12.0
    shift: float = 0.1
    stretch: float = 0.07
    mirror: bool = True
    brightness: float = 0.25
    contrast: float = 0.25
    saturation: float = 0.4
    grey: float = 0.08
    erase: float = 0.2
    mixup: float = 0.0
    blur: float = 0.0
    sharpen: float = 0.0
    noise: float = 0.0
    jpeg: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self, _AUGMENTATION_LIMITS)
        if self.smallest > self.largest:
            raise RecipeInvalid("sizes")


@dataclass(frozen=True)
class NetworkRecipe:
    """One way to train a backbone together with its heads.

    `policy` names the selection of images it is meant for (`vision.data.selection.POLICIES`).
    `stages` follow one another, the last at the size of the model. Adam's rate rises to
    `learning_rate` over the share `warm_up` of all steps and falls to nothing by a cosine;
    `weight_decay` is decoupled and spares biases and normalisation. What is kept is an average of
    the weights that forgets by `average` a step. The losses of the heads are added up by
    `loss_weights`; `smoothing` and `age_sigma` are those of `losses.head_loss`. Rare ages count
    more, by their smoothed rarity to the power `age_balance`. `dropout` comes before every head.
    The first `frozen_blocks` of the backbone's five stay as the version has them that is begun
    with.
    """

    name: str
    policy: str
    heads: tuple[HeadSpec, ...]
    stages: tuple[Stage, ...]
    learning_rate: float = 1.2e-3
    warm_up: float = 0.08
    weight_decay: float = 0.05
    average: float = 0.998
    dropout: float = 0.3
    smoothing: float = 0.05
    age_sigma: float = AGE_SIGMA
    age_balance: float = 0.3
    loss_weights: Mapping[str, float] = field(
        default_factory=lambda: {"age": 0.6, "gender": 1.0, "race": 1.0}
    )
    augmentation: Augmentation = Augmentation()
    frozen_blocks: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self, _LIMITS)
        check_heads(self.heads)
        _check_stages(self.stages)
        for head in self.heads:
            if head.pooling != "max_mean":
                raise RecipeInvalid("pooling")
            if not self.loss_weights.get(head.name, 0) > 0:
                raise RecipeInvalid("loss_weight", head=head.name)

    @property
    def input_size(self) -> int:
        """Pixels of the square input of the model that comes out."""
        return self.stages[-1].size

    @property
    def sizes(self) -> tuple[int, ...]:
        """Every size that it trains at, once."""
        return tuple(dict.fromkeys(stage.size for stage in self.stages))

    @property
    def needs_backbone(self) -> bool:
        """Where it freezes blocks: from random weights that would make no sense."""
        return self.frozen_blocks > 0

    @property
    def decoded_side(self) -> int:
        """Pixels that crops are decoded at: a view narrower than they are keeps its detail."""
        return round(_MARGIN * max(stage.size for stage in self.stages))

    @property
    def balances(self) -> Mapping[str, float]:
        """By how much rare labels count more, by head, as `Targets.of` takes it."""
        return {AGE.name: self.age_balance}

    @property
    def trained_heads(self) -> tuple[HeadSpec, ...]:
        """The heads as they are trained: with their dropout."""
        dropout = {"dropout": self.dropout}
        return tuple(replace(head, layers=(dropout, *head.layers)) for head in self.heads)

    @property
    def phases(self) -> tuple[str, ...]:
        """What a training goes through, in order."""
        return ("crops", *(name for name, _ in self.named_stages()), "calibration")

    def disk_estimate(self, input_size: int, trained: int, validated: int) -> DiskEstimate:  # noqa: ARG002
        return DiskEstimate(0, network_bytes(self, trained + validated))

    def train(
        self,
        backbone: Bundle | None,
        curated: Curated,
        workspace: Workspace,
        on_progress: "Callable[[FitProgress], None]",
    ) -> "Fitted":
        from .network_training import fit_network

        folder = workspace.folder
        # Decoded in a minute, the crops need not outlive the run.
        return fit_network(
            self,
            curated,
            start=backbone,
            cache=folder / "crops",
            folder=folder,
            on_progress=on_progress,
        )

    def named_stages(self) -> Iterator[tuple[str, Stage]]:
        """The stages with the names of their phases."""
        for number, stage in enumerate(self.stages, start=1):
            yield f"{number}: {stage.size} px", stage

    def as_json(self) -> dict[str, Any]:
        """All of it, for a run to keep; `from_json` gives the same recipe."""
        heads = {head.name: head.as_json() for head in self.heads}
        return {
            **recorded_fields(self),
            "kind": "pretrain",
            "heads": heads,
            "stages": [list(stage) for stage in self.stages],
            "loss_weights": dict(self.loss_weights),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "NetworkRecipe":
        """Raises RecipeInvalid where the record is no recipe of this version of FaceRoute."""
        known = {key: of for key, of in fields_of(record).items() if key not in _NOT_FIELDS}
        with unreadable_in_words(cls, known):
            known["heads"] = read_heads(known)
            known["stages"] = tuple(Stage(*stage) for stage in known["stages"])
            known["augmentation"] = Augmentation(**known["augmentation"])
            return cls(**known)

    def with_changes(
        self, *, heads: Sequence[str] | None = None, **changes: Any
    ) -> "NetworkRecipe":
        """The recipe with some fields changed, and only the named ones of its heads.

        Raises RecipeInvalid for a value out of range, a field or a head it does not have.
        """
        return changed(self, heads, changes)


def is_of_network(record: Mapping[str, Any]) -> bool:
    """Whether a recipe's record, as a run keeps it, is one of this module."""
    return record.get("kind") == "pretrain"


def _check_stages(stages: Sequence[Stage]) -> None:
    if not stages:
        raise RecipeInvalid("no_stage")
    for stage in stages:
        check_numbers(stage, _STAGE_LIMITS)


# For two CPU cores with bfloat16 and an evening; for a GPU and its minutes, which `vision.offline`
# fits the epochs to. Milder views than the second's are known by heart after eighty epochs.
# docs/experiments/starter-model.md.
STARTER_CPU = NetworkRecipe(
    name="starter-cpu",
    policy="full",
    heads=full_heads(),
    stages=(Stage(64, 8, 64), Stage(96, 5, 48)),
)
STARTER_GPU = NetworkRecipe(
    name="starter-gpu",
    policy="full",
    heads=full_heads(),
    stages=(Stage(96, 180, 256),),
    learning_rate=1.5e-3,
    weight_decay=0.1,
    average=0.999,
    dropout=0.5,
    loss_weights={"age": 0.6, "gender": 1.5, "race": 1.2},
    augmentation=Augmentation(
        smallest=0.7,
        brightness=0.3,
        contrast=0.3,
        saturation=0.5,
        grey=0.12,
        erase=0.5,
        mixup=0.6,
        blur=0.15,
        sharpen=0.15,
        noise=0.15,
        jpeg=0.2,
    ),
)
# Goes on from a version, with views near to what is served: harder ones leave it underfitted. That
# the first block stays saves a fifth of a step's time.
CONTINUE_CPU = NetworkRecipe(
    name="continue-cpu",
    policy="full",
    heads=full_heads(),
    stages=(Stage(96, 8, 48),),
    learning_rate=5e-4,
    warm_up=0.05,
    dropout=0.15,
    smoothing=0.03,
    age_balance=0.2,
    loss_weights={"age": 0.6, "gender": 2.0, "race": 1.5},
    augmentation=Augmentation(
        smallest=0.82,
        largest=1.18,
        rotation=10.0,
        shift=0.08,
        stretch=0.05,
        brightness=0.2,
        contrast=0.2,
        saturation=0.3,
        grey=0.05,
        erase=0.1,
    ),
    frozen_blocks=1,
)
NETWORK_RECIPES: dict[str, NetworkRecipe] = {
    recipe.name: recipe for recipe in (STARTER_CPU, CONTINUE_CPU, STARTER_GPU)
}
