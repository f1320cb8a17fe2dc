from django.db import migrations, models

from predictions.indexes import AddIndexOnline


class Migration(migrations.Migration):
    # On PostgreSQL photos are taken and served while the indexes are made.
    atomic = False

    dependencies = [
        ('predictions', '0012_wording'),
    ]

    operations = [
        AddIndexOnline(
            model_name='prediction',
            index=models.Index(fields=['owner', 'status', '-created_at', '-id'], name='prediction_by_owner_status'),
        ),
        AddIndexOnline(
            model_name='prediction',
            index=models.Index(fields=['owner', 'model_version', '-created_at', '-id'], name='prediction_by_owner_model'),
        ),
        AddIndexOnline(
            model_name='prediction',
            index=models.Index(fields=['status', '-created_at', '-id'], name='prediction_by_status'),
        ),
        AddIndexOnline(
            model_name='prediction',
            index=models.Index(fields=['model_version', '-created_at', '-id'], name='prediction_by_model'),
        ),
        AddIndexOnline(
            model_name='correction',
            index=models.Index(fields=['-consented_at', '-id'], name='correction_by_age'),
        ),
        AddIndexOnline(
            model_name='correction',
            index=models.Index(fields=['review', '-consented_at', '-id'], name='correction_by_review'),
        ),
    ]
