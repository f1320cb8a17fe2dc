"""What a version's estimates are worth, by what it estimated; examinations fill it in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0024_labels_in_range")]

    operations = [
        migrations.AddField(
            model_name="examoutcome",
            name="by_estimate",
            field=models.JSONField(editable=False, null=True),
        )
    ]
