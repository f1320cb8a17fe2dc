from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("training", "0030_exam_labels_that_are_none")]

    operations = [
        migrations.AddConstraint(
            model_name="examimage",
            constraint=models.CheckConstraint(
                condition=Q(age__lte=120, gender__lte=1, race__lte=4), name="exam_labels_in_range"
            ),
        )
    ]
