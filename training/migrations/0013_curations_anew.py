"""Forgets what recipes select of datasets with corrections: fewer of these train than before."""

from django.db import migrations


def forget(apps, schema_editor):
    """What is forgotten is computed anew by whoever looks first."""
    apps.get_model("training", "Curation").objects.exclude(corrections={}).delete()


class Migration(migrations.Migration):

    dependencies = [
        ('training', '0012_lost_examinations'),
    ]

    operations = [
        migrations.RunPython(forget, migrations.RunPython.noop),
    ]
