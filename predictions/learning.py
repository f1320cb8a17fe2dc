"""Accepted corrections in datasets: given to be learnt from, and taken out when they are gone."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models.signals import post_delete
from django.dispatch import receiver

from training.datasets import corrections as datasets
from vision.data.labelled_files import LabelledFile

from .corrections import key_of, labelled_files, name_of, offered, sender_of, usable, withdraw
from .models import Correction


class AcceptedCorrections:
    """The corrections that can be learnt from: a `training.datasets.corrections.Source`."""

    def __len__(self) -> int:
        return usable().count()

    def __iter__(self) -> Iterator[LabelledFile]:
        return (file for file in labelled_files(usable()) if file.data)

    def hold(self, files: Sequence[LabelledFile]) -> Iterable[LabelledFile]:
        keys = [key_of(file.name) for file in files]
        standing = {name_of(one): one for one in usable().select_for_update().filter(pk__in=keys)}
        held = [file for file in files if file.name in standing]
        for file in held:
            standing[file.name].digest = hashlib.sha256(file.data).hexdigest()
        Correction.objects.bulk_update(standing.values(), ["digest"])
        return held


def corrected_by(visitor: UUID | str) -> list[int]:
    """The keys of the corrections that were sent from a browser without an account."""
    theirs = offered().filter(face__prediction__visitor=visitor)
    return list(theirs.order_by().values_list("pk", flat=True))


def now_sent_by(account: User, corrected: Iterable[int]) -> None:
    """Count what datasets have of corrections as an account's that they are now, and no longer as
    those of the browser that they were sent from."""
    theirs = offered().filter(pk__in=corrected, face__prediction__photo__owner=account)
    rows = list(theirs.select_related("face__prediction__photo"))
    if rows:
        names = [name_of(correction) for correction in rows]
        sender = sender_of(rows[0].face.prediction.photo)
        datasets.samples_of(names).update(sender=sender)


@receiver(post_delete, sender=Correction)
def _withdraw_with_row(instance: Correction, **_: object) -> None:
    """However a correction goes (taken back, with its photo or its account), datasets lose it."""
    withdraw([instance])
