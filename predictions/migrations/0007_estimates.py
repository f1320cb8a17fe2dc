"""Columns for estimates and corrections by attribute; those in their place step aside in name
only, so that the version before would still find what it wrote."""

from django.db import migrations, models


def aside(model: str, name: str, field: models.Field) -> list[migrations.operations.base.Operation]:
    former = f"former_{name}"
    return [
        migrations.RenameField(model, name, former),
        migrations.AlterField(model, former, field),
    ]


class Migration(migrations.Migration):
    dependencies = [("predictions", "0006_failure_parameters")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                operation
                for name in ("age", "gender", "race")
                for model, kind in (
                    ("face", models.JSONField),
                    ("correction", models.PositiveSmallIntegerField),
                )
                for operation in aside(
                    model, name, kind(null=True, editable=False, db_column=name)
                )
            ]
        ),
        migrations.AddField(
            "face", "estimates", models.JSONField(default=dict, verbose_name="estimates")
        ),
        migrations.AddField(
            "correction",
            "labels",
            models.JSONField(default=dict, editable=False, verbose_name="labels"),
        ),
        migrations.AddField(
            "prediction",
            "face_count",
            models.PositiveIntegerField(
                blank=True,
                editable=False,
                help_text="Empty until it is done.",
                null=True,
                verbose_name="faces",
            ),
        ),
    ]
