"""What a recipe is: how a network is trained, in a small record that a run keeps whole, so that it
can be repeated. What all kinds of recipes have in common.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self, TypeVar

from vision.bundles.bundle import Bundle
from vision.data.utkface import Curated
from vision.errors import BundleIncompatible, VisionError
from vision.heads.specs import HeadSpec

if TYPE_CHECKING:
    from .head_training import Fitted
    from .progress import FitProgress


class RecipeInvalid(VisionError):
    """The recipe asks for something that cannot be trained."""

    code = "recipe_invalid"


Limits = tuple[tuple[str, Any, float, float], ...]
"""Field, type, least and largest value."""


class DiskEstimate(NamedTuple):
    """Bytes that a training needs: features, in a cache that trainings share, and all else."""

    features: int
    other: int


@dataclass(frozen=True)
class Workspace:
    """Where a training works: its own `folder`, with its checkpoints, and the `cache` of features
    that all trainings share, which holds at most `cache_bytes`."""

    folder: Path
    cache: Path
    cache_bytes: int


class Recipe(Protocol):
    """What every kind of recipe has."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str: ...
    @property
    def heads(self) -> tuple[HeadSpec, ...]: ...

    @property
    def policy(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def phases(self) -> tuple[str, ...]: ...

    @property
    def needs_backbone(self) -> bool:
        """Whether it goes on from a version's backbone, which one from scratch does without."""
        ...

    def as_json(self) -> dict[str, Any]: ...

    def with_changes(self, *, heads: Sequence[str] | None = None, **changes: Any) -> Self:
        """The recipe with some fields changed, and only the named ones of its heads.

        Raises RecipeInvalid for a value out of range, a field or a head it does not have.
        """
        ...

    def disk_estimate(self, input_size: int, trained: int, validated: int) -> DiskEstimate:
        """What a training on so many images needs, with a backbone of so many pixels (or 0)."""
        ...

    def train(
        self,
        backbone: Bundle | None,
        curated: Curated,
        workspace: Workspace,
        on_progress: "Callable[[FitProgress], None]",
    ) -> "Fitted":
        """Train, going on from the checkpoints in the workspace. Imports TensorFlow.

        Raises what `on_progress` raises and kinds of VisionError; ValueError without a backbone
        where one is needed.
        """
        ...

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self: ...


Kind = TypeVar("Kind", bound=Recipe)


# What records call a field. Runs, manifests and training folders keep them.
_RECORDED_AS = {"policy": "curation"}


def recorded_fields(recipe: Any) -> dict[str, Any]:
    """The fields of a recipe (a dataclass) by the names that its record has for them."""
    return {_RECORDED_AS.get(name, name): value for name, value in asdict(recipe).items()}


def fields_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record holds, by the names of the recipe's fields."""
    fields = {recorded: name for name, recorded in _RECORDED_AS.items()}
    return {fields.get(name, name): value for name, value in record.items()}


def check_numbers(record: object, limits: Limits) -> None:
    """Raises RecipeInvalid where a field of a record is no number, or out of its range."""
    for field, kind, low, high in limits:
        value = getattr(record, field)
        if isinstance(value, bool) or not isinstance(value, kind):
            raise RecipeInvalid("whole_number" if kind is int else "number", field=field)
        if not low <= value <= high:
            raise RecipeInvalid("range", field=field, low=low, high=high, value=value)


def check_heads(heads: Sequence[HeadSpec]) -> None:
    """Raises RecipeInvalid where there is no head, or one twice."""
    names = [head.name for head in heads]
    if not names or len(set(names)) != len(names):
        raise RecipeInvalid("heads")


def read_heads(record: Mapping[str, Any]) -> tuple[HeadSpec, ...]:
    """The heads of a recipe's record. Raises what `unreadable_in_words` puts into words."""
    return tuple(HeadSpec.from_json(*item) for item in record["heads"].items())


@contextmanager
def unreadable_in_words(kind: type[Recipe], record: Mapping[str, Any]) -> Iterator[None]:
    """Raises RecipeInvalid where a record has other fields than a kind of recipe, or reading it
    fails."""
    if unknown := record.keys() - kind.__dataclass_fields__.keys():
        raise RecipeInvalid("fields", fields=sorted(unknown))
    try:
        yield
    except (BundleIncompatible, LookupError, TypeError, AttributeError) as error:
        raise RecipeInvalid("unreadable", why=str(error)) from error


def changed(recipe: Kind, heads: Sequence[str] | None, changes: Mapping[str, Any]) -> Kind:
    """What `with_changes` of every kind of recipe gives. Raises RecipeInvalid."""
    chosen = recipe.heads
    if heads is not None:
        if unknown := set(heads) - {head.name for head in chosen}:
            raise RecipeInvalid(
                "no_such_head",
                name=recipe.name,
                missing=sorted(unknown),
                known=[head.name for head in chosen],
            )
        chosen = tuple(head for head in chosen if head.name in heads)
    try:
        return replace(recipe, heads=chosen, **changes)
    except TypeError as error:
        raise RecipeInvalid("change", why=str(error)) from error
