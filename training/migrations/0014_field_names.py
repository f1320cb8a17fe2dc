import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Names as the field has them: backbone, override, label issue, selection policy."""

    dependencies = [("training", "0013_curations_anew")]

    operations = [
        migrations.RemoveIndex("doubt", "doubt_by_label"),
        migrations.RenameModel("Doubt", "LabelIssue"),
        migrations.RenameField("labelissue", "doubt", "score"),
        migrations.AlterField(
            "labelissue", "score", models.FloatField(verbose_name="score")
        ),
        migrations.AlterField(
            "labelissue",
            "sample",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="label_issues",
                to="training.sample",
            ),
        ),
        migrations.AddIndex(
            "labelissue", models.Index(fields=["label", "-score"], name="issue_by_label")
        ),
        migrations.RemoveConstraint("labelissue", "one_doubt_per_label"),
        migrations.AddConstraint(
            "labelissue",
            models.UniqueConstraint(fields=("sample", "label"), name="one_issue_per_label"),
        ),
        migrations.RenameField("trainingrun", "trunk", "backbone"),
        migrations.RenameField("sample", "ruling", "override"),
        migrations.AlterField(
            "sample",
            "override",
            models.CharField(
                blank=True,
                choices=[("", "As cleaned"), ("keep", "Use it"), ("drop", "Do not use it")],
                help_text="Overrules what cleaning found.",
                max_length=4,
                verbose_name="override",
            ),
        ),
        migrations.RemoveConstraint("curation", "one_curation_per_recipe"),
        migrations.RenameField("curation", "recipe", "policy"),
        migrations.AddConstraint(
            "curation",
            models.UniqueConstraint(
                fields=("dataset", "policy", "seed"), name="one_curation_per_policy"
            ),
        ),
    ]
