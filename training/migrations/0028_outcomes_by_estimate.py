"""What a version's estimates are worth, by what it estimated; examinations fill it in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0025_stored_files")]

    operations = [
        migrations.AddField(
            model_name="examoutcome",
            name="by_estimate",
            field=models.JSONField(editable=False, null=True),
        )
    ]
