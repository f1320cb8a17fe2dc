"""Long work in the background."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from training.messages import stored_in_words
from training.models.datasets import Dataset
from training.models.versions import ModelVersion


class RunState(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    INTERRUPTED = "interrupted", _("Interrupted")


class Run(models.Model):
    """Long work in the background, watched from a page.

    A worker that holds a run moves `heartbeat_at` on; where it stands still the worker is lost
    and the run is interrupted. `phase`, `done` and `total` say how far it is.
    """

    state = models.CharField(
        _("state"), max_length=12, choices=RunState, default=RunState.QUEUED, db_index=True
    )
    phase = models.CharField(_("phase"), max_length=40, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    phase_started_at = models.DateTimeField(null=True, editable=False)
    done_before = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="How much of the phase was done when this process began it.",
    )
    # How it ended: a code of `training.messages`; of runs from before there were any, a sentence.
    message = models.TextField(_("message"), blank=True)
    message_code = models.CharField(max_length=60, blank=True, editable=False)
    message_parameters = models.JSONField(default=dict, editable=False)
    cancel_requested = models.BooleanField(default=False)
    holder = models.UUIDField(null=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, editable=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    started_at = models.DateTimeField(_("started at"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, editable=False)

    class Meta:
        abstract = True
        ordering = ["-created_at", "-pk"]

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in {RunState.QUEUED, RunState.RUNNING}

    @property
    def sentence(self) -> str:
        """How it ended, in the reader's language; empty while that is not known."""
        told = stored_in_words(self.message_code, self.message_parameters)
        return told or (gettext(self.message) if self.message else "")

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.done / self.total)) if self.total else 0


class ImportRun(Run):
    """One import into a dataset: of a folder, an archive or a CSV file on this server, or of what
    senders' corrections there are, which lie at no path."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="imports")
    path = models.CharField(_("path"), max_length=1000, blank=True)
    of_corrections = models.BooleanField(default=False, editable=False)
    detect_faces = models.BooleanField(_("look for faces"), default=False)

    class Meta(Run.Meta):
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    def __str__(self) -> str:
        return f"{self.dataset} · {self.created_at:%Y-%m-%d %H:%M}"


class ReviewRun(Run):
    """One search for likely label errors in a dataset."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="reviews")

    class Meta(Run.Meta):
        verbose_name = _("search for label errors")
        verbose_name_plural = _("searches for label errors")

    def __str__(self) -> str:
        return f"{self.dataset} · {self.created_at:%Y-%m-%d %H:%M}"


class ExamRun(Run):
    """One scoring, on the exam, of all versions that have no outcome there yet."""

    resumed = models.PositiveSmallIntegerField(
        default=0,
        editable=False,
        help_text="How often it went on by itself after its worker was lost.",
    )

    class Meta(Run.Meta):
        verbose_name = _("examination")
        verbose_name_plural = _("examinations")
        constraints = [
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=[RunState.QUEUED, RunState.RUNNING]),
                name="one_open_examination",
            )
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"


class TrainingRun(Run):
    """One training by a recipe on a dataset, and the version it made.

    `recipe` is kept whole. `backbone` is the version whose backbone the heads are trained on, or
    whose weights a backbone's training begins with; None where that begins with random ones.
    `history` holds the figures of every epoch by phase.
    """

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="trainings")
    recipe = models.JSONField(_("recipe"))
    backbone = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="+")
    activate = models.BooleanField(_("activate when done"), default=False)
    even_if_worse = models.BooleanField(
        _("whatever speaks against it"),
        default=False,
        help_text=_("Whether what the gate warns of is activated too."),
    )
    former_splits = models.BooleanField(
        default=False,
        editable=False,
        help_text="Begun when splits were dealt as `vision.data.former_splits` does.",
    )
    history = models.JSONField(default=dict, editable=False)
    log = models.TextField(_("log"), blank=True, editable=False)
    version = models.OneToOneField(
        ModelVersion, models.SET_NULL, null=True, editable=False, related_name="run"
    )

    class Meta(Run.Meta):
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        constraints = [
            # Two trainings at once would share the machine and finish later than in turn.
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=[RunState.QUEUED, RunState.RUNNING]),
                name="one_open_training",
            )
        ]

    def __str__(self) -> str:
        return f"{self.recipe.get('name', '?')} · {self.dataset} · {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def waits_for_decision(self) -> bool:
        """Whether its version was to serve, and something speaks against that."""
        made = self.version if self.state == RunState.DONE and self.activate else None
        return made is not None and made.activated_at is None
