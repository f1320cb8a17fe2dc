"""Datasets and their images, the runs that import and train, and the model versions."""

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from training.messages import stored_in_words
from vision.attributes import OLDEST_AGE
from vision.data.cleaning import Reason
from vision.data.labelled_files import LONGEST_SENDER


class ModelVersion(models.Model):
    """A verified model bundle under MODEL_ROOT; at most one version is active."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    bundle = models.CharField(
        _("bundle"), max_length=100, unique=True, help_text=_("Folder under the model root.")
    )
    manifest = models.JSONField(_("manifest"))
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    is_active = models.BooleanField(_("active"), default=False)
    activated_at = models.DateTimeField(_("activated at"), null=True, blank=True)
    report = models.JSONField(
        default=dict,
        editable=False,
        help_text="How it does on its held-back test split, by `vision.evaluation.report`.",
    )

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"], condition=models.Q(is_active=True), name="one_active_version"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures on the held-back test split, as the manifest records them."""
        metrics: dict[str, Any] = self.manifest.get("metrics", {})
        return metrics


class Dataset(models.Model):
    """Labelled images under one name. `revision` grows with every change to what is in it."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    revision = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.name


class ReasonChoice(models.TextChoices):
    """Why an image is set aside, in words."""

    NONE = "", _("Used")
    UNSAFE_NAME = Reason.UNSAFE_NAME, _("Path out of the archive")
    MALFORMED_NAME = Reason.MALFORMED_NAME, _("Malformed name")
    LABEL_OUT_OF_RANGE = Reason.LABEL_OUT_OF_RANGE, _("Label out of range")
    UNREADABLE = Reason.UNREADABLE, _("Unreadable image")
    NO_FACE = Reason.NO_FACE, _("No face found")
    EXCLUDED = Reason.EXCLUDED, _("Excluded by hand")
    REPEATED_FILE = Reason.REPEATED_FILE, _("Packed twice")
    CONFLICTING_CLASSES = Reason.CONFLICTING_CLASSES, _("Copies that differ in gender or race")
    CONFLICTING_AGES = Reason.CONFLICTING_AGES, _("Copies that differ in age")
    EXACT_DUPLICATE = Reason.EXACT_DUPLICATE, _("Exact duplicate")
    NEAR_DUPLICATE = Reason.NEAR_DUPLICATE, _("Near duplicate")


class Override(models.TextChoices):
    """What an administrator decided about an image, whatever the cleaning says."""

    NONE = "", _("As cleaned")
    KEEP = "keep", _("Use it")
    DROP = "drop", _("Do not use it")


class GenderLabel(models.IntegerChoices):
    MALE = 0, _("male")
    FEMALE = 1, _("female")


class RaceLabel(models.IntegerChoices):
    WHITE = 0, _("White")
    BLACK = 1, _("Black")
    ASIAN = 2, _("Asian")
    INDIAN = 3, _("Indian")
    OTHERS = 4, _("Others")


class SplitName(models.TextChoices):
    """The splits of `vision.data.selection`, nearest to learning first."""

    TRAIN = "train", _("Training")
    VALIDATION = "validation", _("Validation")
    TEST = "test", _("Test")


class Content(models.Model):
    """What a file holds, once, in however many datasets and under however many names.

    `split` is fixed when the content first comes, before anything is selected, and stays when all
    its samples go; it only ever moves nearer to learning. `group`: contents of one group show one
    picture and have one split; it is the lowest key among them. `compared`: whether near copies of
    it have been looked for among the contents that datasets show. `is_correction`: a sender gave
    it; it learns, is never examined on, and moves no other content.
    """

    digest = models.CharField("SHA-256", max_length=64, unique=True)
    perceptual_hash = models.CharField(max_length=16)
    split = models.CharField(_("split"), max_length=10, choices=SplitName)
    group = models.BigIntegerField(db_index=True)
    compared = models.BooleanField(default=False)
    is_correction = models.BooleanField(default=False)

    class Meta:
        indexes = [
            # Few are ever waiting, so that asking whether any is costs nothing.
            models.Index(
                fields=["id"], condition=models.Q(compared=False), name="content_to_compare"
            ),
            models.Index(
                fields=["id"], condition=models.Q(is_correction=True), name="content_of_correction"
            ),
        ]

    def __str__(self) -> str:
        return self.digest


class Sample(models.Model):
    """One file of a dataset: its labels, what it is like, and why it is set aside, if it is.

    The content lies once under its digest, however many samples show it. `group`: samples of one
    group show one picture; that of the `Content`, as it was when the copies were last judged.
    `bucket`: MD5 of the content modulo 20. `sender` names who gave it as a correction, in a word
    that tells nobody who that is; it is empty where an archive brought it.
    """

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="samples")
    name = models.CharField(_("file"), max_length=500)
    digest = models.CharField("SHA-256", max_length=64, db_index=True, blank=True)
    age = models.PositiveSmallIntegerField(
        _("age"), null=True, blank=True, validators=[MaxValueValidator(OLDEST_AGE)]
    )
    gender = models.PositiveSmallIntegerField(
        _("gender"), null=True, blank=True, choices=GenderLabel
    )
    race = models.PositiveSmallIntegerField(_("race"), null=True, blank=True, choices=RaceLabel)
    found = models.CharField(
        _("found"), max_length=24, blank=True, choices=ReasonChoice, help_text=_("By cleaning.")
    )
    override = models.CharField(
        _("override"),
        max_length=4,
        blank=True,
        choices=Override,
        help_text=_("Overrules what cleaning found."),
    )
    reason = models.CharField(
        _("reason"), max_length=24, blank=True, choices=ReasonChoice, editable=False
    )
    group = models.BigIntegerField(default=0, editable=False)
    bucket = models.PositiveSmallIntegerField(default=0, editable=False)
    sender = models.CharField(
        _("sender"), max_length=LONGEST_SENDER, blank=True, default="", editable=False
    )
    width = models.PositiveIntegerField(_("width"), null=True, editable=False)
    height = models.PositiveIntegerField(_("height"), null=True, editable=False)
    brightness = models.FloatField(_("brightness"), null=True, editable=False)
    sharpness = models.FloatField(_("sharpness"), null=True, editable=False)
    perceptual_hash = models.CharField(max_length=16, blank=True, editable=False)
    face_confidence = models.FloatField(
        null=True, editable=False, help_text=_("0: no face was found; empty: nobody looked.")
    )
    to_check = models.BooleanField(
        default=False,
        editable=False,
        help_text="A test image that somebody who sees no estimate is to look at.",
    )

    class Meta:
        verbose_name = _("image")
        verbose_name_plural = _("images")
        ordering = ["dataset", "name"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "name"], name="one_sample_per_file")
        ]
        indexes = [
            # The cube that every chart is made of.
            models.Index(fields=["dataset", "reason", "race", "gender", "age"], name="sample_cube"),
            models.Index(
                fields=["dataset"], condition=models.Q(to_check=True), name="sample_to_check"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LabelName(models.TextChoices):
    AGE = "age", _("Age")
    GENDER = "gender", _("Gender")
    RACE = "race", _("Race")


class LabelIssue(models.Model):
    """A label that a model which had not seen it would not give. Of test images there is none.

    `score` is in 0..1 and compares with others of the same label alone. `suggestion` is what the
    model would have said: years, or the name of a gender or a race.
    """

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="label_issues")
    label = models.CharField(max_length=6, choices=LabelName)
    score = models.FloatField(_("score"))
    suggestion = models.CharField(_("model's estimate"), max_length=20)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sample", "label"], name="one_issue_per_label")
        ]
        indexes = [models.Index(fields=["label", "-score"], name="issue_by_label")]

    def __str__(self) -> str:
        return f"{self.sample}: {self.label}"

    @property
    def value(self) -> int:
        """The number that stands for the suggestion."""
        return int(self.suggestion if self.label == LabelName.AGE else self._choice.value)

    @property
    def in_words(self) -> str:
        """The suggestion as people say it."""
        return str(self.suggestion if self.label == LabelName.AGE else self._choice.label)

    @property
    def _choice(self) -> GenderLabel | RaceLabel:
        choices = GenderLabel if self.label == LabelName.GENDER else RaceLabel
        return choices[self.suggestion.upper()]


class Annotation(models.Model):
    """What one person says the labels of an image are; a label is null where they say nothing."""

    sample = models.ForeignKey(Sample, models.CASCADE, related_name="annotations")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    age = models.PositiveSmallIntegerField(_("age"), null=True)
    gender = models.PositiveSmallIntegerField(_("gender"), null=True, choices=GenderLabel)
    race = models.PositiveSmallIntegerField(_("race"), null=True, choices=RaceLabel)
    said_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sample", "annotator"], name="one_annotation_each")
        ]

    def __str__(self) -> str:
        labels = [self.age, self.get_gender_display(), self.get_race_display()]
        words = " · ".join("–" if label is None else str(label) for label in labels)
        return f"{self.annotator or '–'}: {words}"


class Curation(models.Model):
    """What a policy selects of a dataset at one revision: the funnel, and the size of each cell.

    `cells` holds rows of [split, race, gender, age, count]. `corrections`: sender → how many of
    theirs train.
    """

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="curations")
    policy = models.CharField(max_length=20)
    seed = models.IntegerField(default=0)
    revision = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=64)
    funnel = models.JSONField()
    cells = models.JSONField()
    corrections = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "policy", "seed"], name="one_curation_per_policy"
            )
        ]

    def __str__(self) -> str:
        return f"{self.dataset} · {self.policy}"


class Exam(models.Model):
    """A frozen list of labelled images that every version is scored on; nothing changes it.

    It was the test split of a dataset, whose name it keeps and which may be gone by now. One of
    UTKFace takes the place of one of another dataset; what was found on that is kept.
    """

    attributes = models.CharField(max_length=100, default="age,gender,race", editable=False)
    of_utkface = models.BooleanField(default=False, editable=False)
    dataset_name = models.CharField(_("dataset"), max_length=100, editable=False)
    created_at = models.DateTimeField(_("frozen at"), auto_now_add=True)

    class Meta:
        verbose_name = _("exam")
        verbose_name_plural = _("exams")
        ordering = ["-of_utkface", "-pk"]
        constraints = [
            # Also for two who would freeze one at the same time.
            models.UniqueConstraint(
                fields=["attributes", "of_utkface"], name="one_exam_of_utkface_and_one_before"
            )
        ]

    def __str__(self) -> str:
        return self.dataset_name


class ExamImage(models.Model):
    """One image of an exam: its content, whose file is kept, and its labels as they were frozen."""

    exam = models.ForeignKey(Exam, models.CASCADE, related_name="images")
    position = models.PositiveIntegerField()
    digest = models.CharField("SHA-256", max_length=64, db_index=True)
    age = models.PositiveSmallIntegerField(_("age"))
    gender = models.PositiveSmallIntegerField(_("gender"), choices=GenderLabel)
    race = models.PositiveSmallIntegerField(_("race"), choices=RaceLabel)

    class Meta:
        ordering = ["exam", "position"]
        constraints = [
            models.UniqueConstraint(fields=["exam", "position"], name="one_image_per_position"),
            models.UniqueConstraint(fields=["exam", "digest"], name="one_image_per_content"),
        ]

    def __str__(self) -> str:
        return f"{self.exam} · {self.position}"


class ExamOutcome(models.Model):
    """What a version said of every image of an exam.

    `scores`: `vision.evaluation.kept_scores` in the order of the images, NaN for those that the
    version has learnt from or from a copy of. `figures`: those of the others, with their number
    `n`.
    """

    exam = models.ForeignKey(Exam, models.CASCADE, related_name="outcomes")
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="outcomes")
    scores = models.BinaryField()
    figures = models.JSONField(_("figures"))
    created_at = models.DateTimeField(_("examined at"), auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["exam", "version"], name="one_outcome_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.version} · {self.exam}"


class Withdrawal(models.Model):
    """A correction that was taken out of datasets again: versions may have learnt from it.

    `digest` is all that is kept of it, for telling which; nothing of the picture can be told from
    that, nor who sent it.
    """

    digest = models.CharField("SHA-256", max_length=64, unique=True)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), auto_now_add=True)

    class Meta:
        verbose_name = _("withdrawn correction")
        verbose_name_plural = _("withdrawn corrections")
        ordering = ["-withdrawn_at", "-pk"]

    def __str__(self) -> str:
        return self.digest[:16]


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
