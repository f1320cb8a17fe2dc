"""Fills the columns by attribute from those before them, some thousand rows at a time.

Not atomic: whoever stops it half-way finds the rest filled when it runs again.
"""

from typing import Any

from django.db import migrations
from django.db.models import Count, F, Func, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce, JSONObject

BATCH = 5000
NAMES = ("age", "gender", "race")


def fill_faces(apps: Any, schema_editor: Any) -> None:
    faces = apps.get_model("predictions", "Face").objects
    # To SQLite a JSON column is a text, which would become a string within the document.
    is_sqlite = schema_editor.connection.vendor == "sqlite"

    def column(name: str) -> Any:
        former = F(f"former_{name}")
        return Func(former, function="JSON") if is_sqlite else former

    document = JSONObject(**{name: column(name) for name in NAMES})
    last = faces.aggregate(last=Max("pk"))["last"] or 0
    for start in range(0, last, BATCH):
        batch = faces.filter(pk__gt=start, pk__lte=start + BATCH)
        batch.filter(estimates={}).update(estimates=document)


def fill_corrections(apps: Any, _schema_editor: Any) -> None:
    corrections = apps.get_model("predictions", "Correction").objects
    for correction in corrections.filter(labels={}).iterator(BATCH):
        said = {name: getattr(correction, f"former_{name}") for name in NAMES}
        correction.labels = {name: value for name, value in said.items() if value is not None}
        correction.save(update_fields=["labels"])


def count_faces(apps: Any, _schema_editor: Any) -> None:
    predictions = apps.get_model("predictions", "Prediction").objects
    faces = apps.get_model("predictions", "Face").objects.filter(prediction=OuterRef("pk"))
    count = faces.order_by().values("prediction").annotate(count=Count("pk")).values("count")
    uncounted = predictions.filter(status="done", face_count=None).order_by("pk")
    while keys := list(uncounted.values_list("pk", flat=True)[:BATCH]):
        predictions.filter(pk__in=keys).update(face_count=Coalesce(Subquery(count), 0))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("predictions", "0007_estimates")]

    operations = [
        migrations.RunPython(step, migrations.RunPython.noop)
        for step in (fill_faces, fill_corrections, count_faces)
    ]
