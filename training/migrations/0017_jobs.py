"""One table for all kinds of jobs.

The table of trainings becomes it, so that trainings keep their ids: REST has them, and their
checkpoints lie in folders named by them. The others move in next, under new ids.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [
        ("training", "0016_further_labels"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint("TrainingRun", "one_open_training"),
        # Content types and the rights that hang on them stay with the name they have.
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RenameModel("TrainingRun", "Job")],
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE training_trainingrun RENAME TO training_job",
                    "ALTER TABLE training_job RENAME TO training_trainingrun",
                )
            ],
        ),
        migrations.RenameField("Job", "holder", "claim"),
        migrations.AlterField(
            "Job",
            "claim",
            models.UUIDField(blank=True, editable=False, null=True, verbose_name="claim"),
        ),
        # A moment that has passed is a lease that has run out.
        migrations.RenameField("Job", "heartbeat_at", "lease_expires_at"),
        migrations.AlterField(
            "Job",
            "lease_expires_at",
            models.DateTimeField(blank=True, null=True, verbose_name="lease expires at"),
        ),
        migrations.AddField("Job", "kind", models.CharField(max_length=20, default="")),
        migrations.AddField("Job", "lock", models.CharField(max_length=60, default="")),
        migrations.AddField(
            "Job",
            "resumed",
            models.PositiveSmallIntegerField(
                default=0,
                editable=False,
                help_text="How often it went on by itself after its worker was lost.",
            ),
        ),
        migrations.AddField(
            "Job", "path", models.CharField(blank=True, max_length=1000, verbose_name="path")
        ),
        migrations.AddField("Job", "of_corrections", models.BooleanField(default=False)),
        migrations.AddField("Job", "detect_faces", models.BooleanField(default=False)),
        migrations.AlterField(
            "Job",
            "dataset",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="jobs",
                to="training.dataset",
                verbose_name="dataset",
            ),
        ),
        migrations.AlterField(
            "Job", "recipe", models.JSONField(default=dict, verbose_name="recipe")
        ),
    ]
