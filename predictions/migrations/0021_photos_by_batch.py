from django.db import migrations, models

from predictions.indexes import AddIndexOnline


class Migration(migrations.Migration):
    # On PostgreSQL photos are taken and served while the index is made.
    atomic = False

    dependencies = [
        ('predictions', '0020_batches'),
    ]

    operations = [
        AddIndexOnline(
            model_name='photo',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['batch', 'created_at'], name='photo_by_batch'),
        ),
    ]
