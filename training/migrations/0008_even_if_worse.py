from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0007_examinations")]

    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="even_if_worse",
            field=models.BooleanField(
                default=False,
                help_text="Whether what the gate warns of is activated too.",
                verbose_name="whatever speaks against it",
            ),
        ),
    ]
