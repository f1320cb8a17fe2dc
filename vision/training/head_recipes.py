"""How heads are trained: small records that a run keeps whole, so that it can be repeated."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar

from vision.errors import BundleIncompatible, VisionError
from vision.heads.specs import HeadSpec, classic_heads
from vision.labels import GENDERS, RACES

Unfreeze = Literal["none", "block5"]

_UNSURE = 0.8  # of a gender's share: about every sixth face is


class RecipeInvalid(VisionError):
    """The recipe asks for something that cannot be trained."""

    code = "recipe_invalid"


@dataclass(frozen=True)
class Recipe:
    """One way to train heads on a backbone.

    `curation` names the selection of images it is meant for (`vision.data.selection.RECIPES`). At
    most `epochs` passes in batches of `batch`, Adam's rate from `learning_rate` down to nothing by
    a cosine, decoupled `weight_decay`; a head stops after `patience` epochs without a lower
    validation loss and keeps its best weights. `balance`: rare ages, genders and races count more,
    by their rarity to this power (0 not at all, 1 fully; see `losses.balancing_weights`). `mirror`:
    every image is learnt from mirrored too. `unfreeze`: "block5" goes on to train the backbone's
    last block together with the heads, at a tenth of the rate.
    """

    name: str
    curation: str
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
            raise RecipeInvalid(f"unfreeze must be none or block5, not {self.unfreeze}.")
        check_heads(self.heads)

    @property
    def phases(self) -> tuple[str, ...]:
        """What a training goes through, in order."""
        unfrozen = () if self.unfreeze == "none" else (self.unfreeze,)
        return ("features", *(head.name for head in self.heads), *unfrozen, "calibration")

    @property
    def augments_tests(self) -> bool:
        """Whether a head does; then it is calibrated on mirrored images too."""
        return any(head.tta_threshold for head in self.heads)

    def as_json(self) -> dict[str, Any]:
        """All of it, for a run to keep; `from_json` gives the same recipe."""
        return {**asdict(self), "heads": {head.name: head.as_json() for head in self.heads}}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Recipe":
        """Raises RecipeInvalid where the record is no recipe of this version of FaceRoute."""
        with unreadable_in_words(cls, record):
            return cls(**{**record, "heads": read_heads(record)})

    def with_changes(self, *, heads: Sequence[str] | None = None, **changes: Any) -> "Recipe":
        """The recipe with some fields changed, and only the named ones of its heads.

        Raises RecipeInvalid for a value out of range, a field or a head it does not have.
        """
        return changed(self, heads, changes)


Limits = tuple[tuple[str, Any, float, float], ...]
"""Field, type, least and largest value."""

_LIMITS: Limits = (
    ("epochs", int, 1, 500),
    ("batch", int, 1, 4096),
    ("learning_rate", int | float, 1e-7, 1),
    ("weight_decay", int | float, 0, 1),
    ("patience", int, 1, 500),
    ("balance", int | float, 0, 1),
    ("seed", int, 0, 2**32 - 1),
)


class AnyRecipe(Protocol):
    """What every kind of recipe has."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str: ...
    @property
    def heads(self) -> tuple[HeadSpec, ...]: ...

    def as_json(self) -> dict[str, Any]: ...

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self: ...


Kind = TypeVar("Kind", bound=AnyRecipe)


def check_numbers(record: object, limits: Limits) -> None:
    """Raises RecipeInvalid where a field of a record is no number, or out of its range."""
    for field, kind, low, high in limits:
        value = getattr(record, field)
        if isinstance(value, bool) or not isinstance(value, kind):
            raise RecipeInvalid(f"{field} must be a {'whole ' if kind is int else ''}number.")
        if not low <= value <= high:
            raise RecipeInvalid(f"{field} must lie between {low} and {high}, not {value}.")


def check_heads(heads: Sequence[HeadSpec]) -> None:
    """Raises RecipeInvalid where there is no head, or one twice."""
    names = [head.name for head in heads]
    if not names or len(set(names)) != len(names):
        raise RecipeInvalid("A recipe needs at least one head, and each of them once.")


def read_heads(record: Mapping[str, Any]) -> tuple[HeadSpec, ...]:
    """The heads of a recipe's record. Raises what `unreadable_in_words` puts into words."""
    return tuple(HeadSpec.from_json(*item) for item in record["heads"].items())


@contextmanager
def unreadable_in_words(kind: type[AnyRecipe], record: Mapping[str, Any]) -> Iterator[None]:
    """Raises RecipeInvalid where a record has other fields than a kind of recipe, or reading it
    fails."""
    if unknown := record.keys() - kind.__dataclass_fields__.keys():
        raise RecipeInvalid(f"A recipe has no {', '.join(sorted(unknown))}.")
    try:
        yield
    except (BundleIncompatible, LookupError, TypeError, AttributeError) as error:
        raise RecipeInvalid(f"The recipe cannot be read ({error}).") from error


def changed(recipe: Kind, heads: Sequence[str] | None, changes: Mapping[str, Any]) -> Kind:
    """What `with_changes` of every kind of recipe gives. Raises RecipeInvalid."""
    chosen = recipe.heads
    if heads is not None:
        if unknown := set(heads) - {head.name for head in chosen}:
            raise RecipeInvalid(
                f"The recipe “{recipe.name}” has no head {', '.join(sorted(unknown))}; "
                f"it has {', '.join(head.name for head in chosen)}."
            )
        chosen = tuple(head for head in chosen if head.name in heads)
    try:
        return replace(recipe, heads=chosen, **changes)
    except TypeError as error:
        raise RecipeInvalid(f"The recipe cannot be changed so ({error}).") from error


def full_heads() -> tuple[HeadSpec, ...]:
    """The age as a distribution over 0…100, both genders, all five races; see docs/retraining.md
    for how they compare, and docs/starter-model.md for the second look."""

    def output(units: int, activation: str) -> tuple[dict[str, Any], ...]:
        return ({"dense": units, "activation": activation, "name": "Output"},)

    return (
        HeadSpec("age", "max_mean", output(101, "softmax"), "distribution"),
        HeadSpec(
            "gender", "max_mean", output(1, "sigmoid"), "binary", GENDERS, tta_threshold=_UNSURE
        ),
        HeadSpec("race", "max_mean", output(len(RACES), "softmax"), "classes", RACES),
    )


CLASSIC = Recipe(name="classic", curation="classic", heads=classic_heads())
FULL = Recipe(name="full", curation="full", heads=full_heads(), balance=0.5, mirror=True)
RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (CLASSIC, FULL)}


def recipe(name: str) -> Recipe:
    """A recipe by its name. Raises RecipeInvalid for one that does not exist."""
    try:
        return RECIPES[name]
    except KeyError:
        known = ", ".join(RECIPES)
        raise RecipeInvalid(f"There is no recipe “{name}”; there are {known}.") from None
