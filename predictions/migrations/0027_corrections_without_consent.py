"""What people correct for their own record needs no consent; what was consented to stays so."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("predictions", "0026_predictions_by_end"),
    ]

    operations = [
        migrations.AlterField(
            model_name="correction",
            name="consented_at",
            field=models.DateTimeField(null=True, verbose_name="consented at"),
        ),
        migrations.AddConstraint(
            model_name="correction",
            constraint=models.CheckConstraint(
                condition=models.Q(consented_at__isnull=False) | models.Q(review="pending"),
                name="reviewed_with_consent",
            ),
        ),
    ]
