from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("predictions", "0022_bulk_actions"),
    ]

    operations = [
        migrations.CreateModel(
            name="DailySum",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(verbose_name="day")),
                ("what", models.CharField(max_length=40)),
                ("label", models.CharField(max_length=40)),
                ("count", models.PositiveIntegerField(verbose_name="count")),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("day", "what", "label"), name="one_sum_a_day")],
            },
        ),
        migrations.CreateModel(
            name="SummedUpTo",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("finished_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="one_summed_up_to")],
            },
        ),
    ]
