"""Datasets and their images, the jobs that import and train, and the model versions."""

from training.models.contents import Content, SplitName, Withdrawal
from training.models.curations import Curation
from training.models.datasets import Dataset, Override, ReasonChoice, Sample
from training.models.exams import Exam, ExamImage, ExamOutcome
from training.models.jobs import (
    ExamRun,
    ExportRun,
    ImportRun,
    Job,
    JobKind,
    JobState,
    ReviewRun,
    TrainingRun,
)
from training.models.label_review import Annotation, LabelIssue
from training.models.versions import ModelVersion

__all__ = [
    "Annotation",
    "Content",
    "Curation",
    "Dataset",
    "Exam",
    "ExamImage",
    "ExamOutcome",
    "ExamRun",
    "ExportRun",
    "ImportRun",
    "Job",
    "JobKind",
    "JobState",
    "LabelIssue",
    "ModelVersion",
    "Override",
    "ReasonChoice",
    "ReviewRun",
    "Sample",
    "SplitName",
    "TrainingRun",
    "Withdrawal",
]
