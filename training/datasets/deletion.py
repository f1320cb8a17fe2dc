"""Deleting datasets, with all that is only theirs."""

from django.db.models import QuerySet

from training.models import Dataset, Job, JobState, Sample

from . import example_files, mean_faces


def open_jobs(datasets: QuerySet[Dataset]) -> QuerySet[Job]:
    """The work that waits or runs on datasets, for which they have to stay."""
    open_states = [JobState.QUEUED, JobState.RUNNING]
    return Job.objects.filter(dataset__in=datasets.values("pk"), state__in=open_states)


def delete(datasets: QuerySet[Dataset]) -> None:
    """Delete datasets and the files that no other one and no exam shows."""
    keys = list(datasets.values_list("pk", flat=True))
    samples = Sample.objects.filter(dataset__in=keys).exclude(digest="").order_by()
    digests = set(samples.values_list("digest", flat=True))
    datasets.delete()
    example_files.forget(digests)
    for key in keys:
        mean_faces.forget(key)
