"""How far a batch is, in the reader's words."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from predictions.messages import explain

from .models import Archive, ArchiveState, Batch
from .progress import Progress

STATES = {
    "empty": gettext_lazy("Waiting for photos"),
    "running": gettext_lazy("Running"),
    "paused": gettext_lazy("Paused"),
    "cancelled": gettext_lazy("Cancelled"),
    "done": gettext_lazy("Done"),
}
_COUNTS = {
    "waiting": gettext_lazy("Queued"),
    "running": gettext_lazy("Running"),
    "done": gettext_lazy("Done"),
    "failed": gettext_lazy("Failed"),
    "refused": gettext_lazy("Refused"),
    "cancelled": gettext_lazy("Cancelled"),
}


@dataclass(frozen=True)
class Line:
    """A sentence, and the class by which the page shows it."""

    words: str
    kind: str = "hint"


@dataclass(frozen=True)
class Action:
    """A button; `name` is that of its address. What cannot be taken back asks a question."""

    words: str
    name: str
    question: str = ""


def counts(progress: Progress) -> list[tuple[str, int, str]]:
    """A word, how many, and the kind of each count that is not zero."""
    told = [(str(word), progress.counts[kind], kind) for kind, word in _COUNTS.items()]
    return [one for one in told if one[1]]


def pace(progress: Progress) -> str:
    """“42 photos a minute, about 9 minutes left”; empty where nothing is known."""
    if progress.seconds_left is None or not progress.rate_per_minute:
        return ""
    rate = max(1, round(progress.rate_per_minute))
    speed = ngettext("%(n)d photo a minute", "%(n)d photos a minute", rate) % {"n": rate}
    return f"{speed}, {_left(progress.seconds_left)}"


def _left(seconds: int) -> str:
    if seconds < 60:
        return _("less than a minute left")
    minutes = -(-seconds // 60)
    if minutes < 120:
        words = ngettext("about %(n)d minute left", "about %(n)d minutes left", minutes)
        return words % {"n": minutes}
    return _("about %(n)d hours left") % {"n": round(minutes / 60)}


def actions(batch: Batch, progress: Progress) -> list[Action]:
    """What can be done with a batch now."""
    counts = progress.counts
    found = []
    if batch.is_paused:
        found.append(Action(_("Resume"), "batch_resume"))
    elif progress.state == "running":
        found.append(Action(_("Pause"), "batch_pause"))
    if counts["failed"] or counts["cancelled"]:
        words = _("Retry what failed") if counts["failed"] else _("Retry what was cancelled")
        found.append(Action(words, "batch_retry"))
    if progress.state in {"running", "paused"}:
        question = _("Cancel what is not done yet? What is done stays.")
        found.append(Action(_("Cancel"), "batch_cancel", question))
    return found


def archive(one: Archive) -> Line:
    """How far a zip is."""
    told = {"name": one.name, "of": _megabytes(one.bytes), "n": _megabytes(one.received)}
    match one.state:
        case ArchiveState.RECEIVING:
            words = _(
                "%(name)s: %(n)d of %(of)d MB were sent. If the sending was interrupted, add the "
                "same file again; it goes on where it stopped."
            )
            return Line(words % told, "caution")
        case ArchiveState.UNPACKING:
            return _unpacking(one)
        case ArchiveState.FAILED:
            return Line(_why(one), "problem")
        case ArchiveState.CANCELLED:
            return _cancelled(one)
    return Line(_("%(name)s was unpacked.") % told)


def _unpacking(one: Archive) -> Line:
    told = {"name": one.name, "n": one.unpacked, "of": one.entries}
    if one.failure_code:  # it goes on when that is over
        return Line(_why(one), "caution")
    if not one.entries:
        return Line(_("%(name)s has arrived and is unpacked next.") % told)
    return Line(_("%(name)s: %(n)d of %(of)d files were looked at.") % told)


def _cancelled(one: Archive) -> Line:
    """What was not taken of it is gone: only whoever has the zip can send it once more."""
    if not one.entries:
        words = _("%(name)s was cancelled, and none of its files was taken. Please send it again.")
        return Line(words % {"name": one.name}, "caution")
    left = one.entries - one.unpacked
    words = ngettext(
        "%(name)s was cancelled: %(n)d of its %(of)d files was not taken. Please send it again by "
        "itself, if it is to be estimated.",
        "%(name)s was cancelled: %(n)d of its %(of)d files were not taken. Please send them again "
        "by themselves, if they are to be estimated.",
        left,
    )
    return Line(words % {"name": one.name, "n": left, "of": one.entries}, "caution")


def _why(one: Archive) -> str:
    return f"{one.name}: {explain(one.failure_code, one.failure_parameters)}"


def _megabytes(count: int) -> int:
    return -(-count // 2**20)
