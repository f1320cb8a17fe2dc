from django.db import migrations, models

# One statement, whatever there is: a row for every content, its split by its MD5 (see
# `vision.data.selection.split_of_bucket`). Near copies are looked for later, with progress.
_CONTENTS = """
INSERT INTO training_content (digest, perceptual_hash, split, "group", compared)
SELECT digest, MIN(perceptual_hash),
       CASE WHEN MIN(bucket) IN (0, 1) THEN 'test'
            WHEN MIN(bucket) IN (10, 11) THEN 'validation'
            ELSE 'train' END,
       0, {false}
FROM training_sample WHERE digest <> '' GROUP BY digest ORDER BY MIN(id)
"""


def keep_contents(apps, schema_editor):
    false = "0" if schema_editor.connection.vendor == "sqlite" else "false"
    schema_editor.execute(_CONTENTS.format(false=false))
    apps.get_model("training", "Content").objects.update(group=models.F("id"))


def remember_former_splits(apps, _schema_editor):
    runs = apps.get_model("training", "TrainingRun").objects
    runs.filter(started_at__isnull=False).exclude(state="done").update(former_splits=True)


class Migration(migrations.Migration):
    dependencies = [("training", "0004_progress_and_start")]

    operations = [
        migrations.CreateModel(
            name="Content",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "digest",
                    models.CharField(max_length=64, unique=True, verbose_name="SHA-256"),
                ),
                ("perceptual_hash", models.CharField(max_length=16)),
                (
                    "split",
                    models.CharField(
                        choices=[
                            ("train", "Training"),
                            ("validation", "Validation"),
                            ("test", "Test"),
                        ],
                        max_length=10,
                        verbose_name="split",
                    ),
                ),
                ("group", models.BigIntegerField(db_index=True)),
                ("compared", models.BooleanField(default=False)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("compared", False)),
                        fields=["id"],
                        name="content_to_compare",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="trainingrun",
            name="former_splits",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="Begun when splits were dealt as `vision.data.former_splits` does.",
            ),
        ),
        migrations.RunPython(keep_contents, migrations.RunPython.noop),
        migrations.RunPython(remember_former_splits, migrations.RunPython.noop),
    ]
