"""Sets aside what no constraint will take: labels with a number that stands for nothing."""

from django.db import migrations, transaction
from django.db.models import F, Q

HIGHEST = {"age": 120, "gender": 1, "race": 4}
REASON = "label_out_of_range"
BATCH = 1000

IMPOSSIBLE = Q()
for _name, _highest in HIGHEST.items():
    IMPOSSIBLE |= Q(**{f"{_name}__gt": _highest})


def set_aside(apps, _schema_editor):
    Dataset = apps.get_model("training", "Dataset")
    Sample = apps.get_model("training", "Sample")
    for samples in _batches(Sample):
        with transaction.atomic():
            # What was computed of the datasets counts these labels still.
            datasets = Dataset.objects.filter(pk__in=samples.values("dataset"))
            datasets.update(revision=F("revision") + 1)
            samples.update(found=REASON, reason=REASON)
            _empty(samples)
    for annotations in _batches(apps.get_model("training", "Annotation")):
        with transaction.atomic():
            _empty(annotations)


def _batches(model):
    while keys := list(model.objects.filter(IMPOSSIBLE).values_list("pk", flat=True)[:BATCH]):
        yield model.objects.filter(pk__in=keys).order_by()


def _empty(rows):
    for name, highest in HIGHEST.items():
        rows.filter(**{f"{name}__gt": highest}).update(**{name: None})


class Migration(migrations.Migration):
    atomic = False  # each batch is; a million rows are not held at once

    dependencies = [("training", "0022_exports")]

    operations = [migrations.RunPython(set_aside, migrations.RunPython.noop, elidable=True)]
