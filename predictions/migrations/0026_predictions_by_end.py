from django.db import migrations, models

from predictions.indexes import AddIndexOnline


class Migration(migrations.Migration):
    # On PostgreSQL photos are taken and served while the index is made.
    atomic = False

    dependencies = [
        ("predictions", "0025_daily_sums"),
    ]

    operations = [
        AddIndexOnline(
            model_name="prediction",
            index=models.Index(
                condition=models.Q(("finished_at__isnull", False)),
                fields=["finished_at"],
                name="prediction_by_end",
            ),
        ),
    ]
