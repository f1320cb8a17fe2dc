"""What an import tells of the files that it went through."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from training.messages import TrainingError
from vision.data.cleaning import Reason
from vision.messages import Message, Parameter, several

_EXAMPLES = 3
# Why a file cannot be used whatever else there is; the other reasons come of comparing files.
AT_FIRST_SIGHT = (
    Reason.NOT_FOUND,
    Reason.AMBIGUOUS_ROW,
    Reason.LABEL_NOT_KNOWN,
    Reason.LABEL_OUT_OF_RANGE,
    Reason.MALFORMED_NAME,
    Reason.UNREADABLE,
    Reason.UNSAFE_NAME,
)
_UNLISTED = "unlisted"


class NothingUsable(TrainingError):
    """No image of an import could be used."""

    code = "nothing_usable"


@dataclass
class Kind:
    """Files that something is wrong with in the same way: how many, and a few of them."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        self.count += 1
        if len(self.examples) < _EXAMPLES and example not in self.examples:
            self.examples.append(example)


@dataclass
class Tally:
    """What became of the files of an import: `changed`, how many are new or different; `put_back`,
    how many contents had lost their file; `usable`, how many nothing is wrong with so far."""

    changed: int = 0
    put_back: int = 0
    usable: int = 0
    kinds: dict[str, Kind] = field(default_factory=dict)

    def add(self, reason: str, example: str) -> None:
        """Count a file as usable, or behind the reason for which it is not."""
        if reason in AT_FIRST_SIGHT:
            self.kinds.setdefault(reason, Kind()).add(example)
        else:
            self.usable += 1

    def add_unlisted(self, names: Sequence[str]) -> None:
        """Count images that a label file does not name."""
        for name in names:
            self.kinds.setdefault(_UNLISTED, Kind()).add(name)

    def told(self) -> list[Message]:
        """A sentence for each way in which files could not be used."""
        ordered = [kind for kind in (*AT_FIRST_SIGHT, _UNLISTED) if kind in self.kinds]
        return [_sentence(kind, self.kinds[kind]) for kind in ordered]

    def as_message(self, total: int) -> Message:
        """How an import ended, into a dataset of `total` files."""
        sentences = [Message("imported", {"changed": self.changed, "total": total})]
        if self.put_back:
            sentences.append(Message("imported.put_back", {"count": self.put_back}))
        return several([*sentences, *self.told()])

    def as_error(self, name: str) -> NothingUsable:
        """What to raise where nothing of the file or the folder of this name is usable."""
        told = self.told() or [Message("nothing_usable.no_image")]
        return NothingUsable(several([Message("nothing_usable", {"name": name}), *told]))


def _sentence(kind: str, files: Kind) -> Message:
    parameters: dict[str, Parameter] = {"count": files.count, "examples": files.examples}
    return Message(f"not_used.{kind}", parameters)


def not_used(message: Message) -> list[dict[str, Any]]:
    """What a message of `Tally` says of files that could not be used, for programs: a list of
    {reason, count, examples}."""
    sentences = message.parameters.get("sentences", ())
    found = [
        one
        for one in (sentences if isinstance(sentences, Sequence) else ())
        if isinstance(one, Message) and one.code.startswith("not_used.")
    ]
    return [{"reason": one.code.partition(".")[2], **one.parameters} for one in found]
