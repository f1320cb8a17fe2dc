from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0010_turns_and_workers'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(condition=models.Q(('status', 'running')), fields=['lease_expires_at'], name='prediction_held'),
        ),
    ]
