"""Long work in the background."""

from typing import Any, ClassVar, Self, TypeVar

from django.conf import settings
from django.db import models
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from training.messages import stored_in_words
from training.models.datasets import Dataset
from training.models.leases import Leased
from training.models.versions import ModelVersion


class JobState(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Stopped")
    INTERRUPTED = "interrupted", _("Interrupted")


class JobKind(models.TextChoices):
    IMPORT = "import", _("import")
    LABEL_ISSUES = "label_issues", _("search for label issues")
    EXAMINATION = "examination", _("examination")
    TRAINING = "training", _("training run")
    EXPORT = "export", _("export")


# A dataset is imported into, or searched, by one job at a time.
BY_DATASET = (JobKind.IMPORT, JobKind.LABEL_ISSUES)


class Job(Leased):
    """Long work in the background, watched from a page; every kind of it in one table.

    The worker that holds a job renews its lease; where that runs out the worker is lost and the job
    is interrupted. `phase`, `done` and `total` say how far it is. Of the jobs that name one `lock`,
    one at a time waits or runs.

    Beside that every kind has what it needs to know, and leaves empty what others do. An import:
    `path` or `of_corrections`, `detect_faces`. A training: `recipe`, which is kept whole;
    `backbone`, the version whose backbone the heads are trained on, or whose weights a backbone's
    training begins with, None where that begins with random ones; `activate` and what follows. What
    it made is in `history`, the figures of every epoch by phase, and `version`.
    """

    kind = models.CharField(_("kind"), max_length=20, choices=JobKind, editable=False)
    lock = models.CharField(max_length=60, editable=False)
    dataset = models.ForeignKey(
        Dataset, models.CASCADE, null=True, related_name="jobs", verbose_name=_("dataset")
    )
    state = models.CharField(
        _("state"), max_length=12, choices=JobState, default=JobState.QUEUED, db_index=True
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
    # How it ended: a code of `training.messages`; of jobs from before there were any, a sentence.
    message = models.TextField(_("message"), blank=True)
    message_code = models.CharField(max_length=60, blank=True, editable=False)
    message_parameters = models.JSONField(default=dict, editable=False)
    log = models.TextField(_("log"), blank=True, editable=False)
    cancel_requested = models.BooleanField(default=False)
    resumed = models.PositiveSmallIntegerField(
        default=0,
        editable=False,
        help_text="How often it went on by itself after its worker was lost.",
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    started_at = models.DateTimeField(_("started at"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, editable=False)

    path = models.CharField(_("path"), max_length=1000, blank=True)
    of_corrections = models.BooleanField(default=False, editable=False)
    detect_faces = models.BooleanField(_("look for faces"), default=False)

    recipe = models.JSONField(_("recipe"), default=dict)
    backbone = models.ForeignKey(ModelVersion, models.PROTECT, null=True, related_name="+")
    activate = models.BooleanField(_("activate when done"), default=False)
    even_if_worse = models.BooleanField(
        _("whatever the reasons against it"),
        default=False,
        help_text=_("Whether what the gate warns of is activated too."),
    )
    former_splits = models.BooleanField(
        default=False,
        editable=False,
        help_text="Begun when splits were dealt as `vision.data.former_splits` does.",
    )
    history = models.JSONField(default=dict, editable=False)
    version = models.OneToOneField(
        ModelVersion, models.SET_NULL, null=True, editable=False, related_name="run"
    )

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["lock"],
                condition=models.Q(state__in=[JobState.QUEUED, JobState.RUNNING]),
                name="one_open_job_per_lock",
            )
        ]

    def __str__(self) -> str:
        created = date_format(localtime(self.created_at), "DATETIME_FORMAT")
        parts = [self.recipe.get("name"), self.dataset, created]
        return " · ".join(str(part) for part in parts if part)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Names the lock of a job that is new."""
        self.lock = self.lock or self._lock()
        super().save(*args, **kwargs)

    def _lock(self) -> str:
        """What is not done by dataset is done one after the other whatever it is about, since two
        at once would share the machine and end later than in turn."""
        return f"{self.kind} {self.dataset_id}" if self.kind in BY_DATASET else self.kind

    @property
    def own_dataset(self) -> Dataset:
        """The dataset that it is about. Raises ValueError for a kind that is about none."""
        if self.dataset is None:
            raise ValueError(f"No dataset belongs to a job of the kind {self.kind!r}.")
        return self.dataset

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in {JobState.QUEUED, JobState.RUNNING}

    @property
    def can_go_on(self) -> bool:
        """Whether it has ended before its time and there is still what it is about."""
        lost = self.kind in BY_DATASET and self.dataset_id is None
        return not (self.is_open or self.state == JobState.DONE or lost)

    @property
    def sentence(self) -> str:
        """How it ended, in the reader's language; empty while that is not known."""
        told = stored_in_words(self.message_code, self.message_parameters)
        return told or (gettext(self.message) if self.message else "")

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.done / self.total)) if self.total else 0

    @property
    def waits_for_decision(self) -> bool:
        """Whether its version was to serve, and something speaks against that."""
        made = self.version if self.state == JobState.DONE and self.activate else None
        return made is not None and made.activated_at is None


_AnyJob = TypeVar("_AnyJob", bound=Job)


class JobManager(models.Manager[_AnyJob]):
    """The jobs of one kind."""

    def __init__(self, kind: JobKind) -> None:
        super().__init__()
        self._kind = kind

    def get_queryset(self) -> models.QuerySet[_AnyJob]:
        return super().get_queryset().filter(kind=self._kind)

    def create(self, **fields: Any) -> _AnyJob:
        return super().create(kind=self._kind, **fields)


class ImportRun(Job):
    """One import into a dataset: of a folder, an archive or a CSV file on this server, or of what
    senders' corrections there are, which lie at no path."""

    objects: ClassVar[JobManager[Self]] = JobManager(JobKind.IMPORT)

    class Meta:
        proxy = True
        verbose_name = _("import")
        verbose_name_plural = _("imports")


class ReviewRun(Job):
    """One search for label issues in a dataset."""

    objects: ClassVar[JobManager[Self]] = JobManager(JobKind.LABEL_ISSUES)

    class Meta:
        proxy = True
        verbose_name = _("search for label issues")
        verbose_name_plural = _("searches for label issues")


class ExamRun(Job):
    """One scoring, on the exam, of all versions that have no outcome there yet."""

    objects: ClassVar[JobManager[Self]] = JobManager(JobKind.EXAMINATION)

    class Meta:
        proxy = True
        verbose_name = _("examination")
        verbose_name_plural = _("examinations")


class TrainingRun(Job):
    """One training by a recipe on a dataset, and the version it made."""

    objects: ClassVar[JobManager[Self]] = JobManager(JobKind.TRAINING)

    class Meta:
        proxy = True
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")


class ExportRun(Job):
    """One export of all versions that have none yet."""

    objects: ClassVar[JobManager[Self]] = JobManager(JobKind.EXPORT)

    class Meta:
        proxy = True
        verbose_name = _("export")
        verbose_name_plural = _("exports")
