import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0021_photos_by_batch'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BulkAction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('visitor', models.UUIDField(db_index=True, editable=False, null=True)),
                ('kind', models.CharField(choices=[('delete', 'Delete'), ('rerun', 'Rerun')], editable=False, max_length=10)),
                ('query', models.JSONField(editable=False)),
                ('created_at', models.DateTimeField(editable=False)),
                ('position', models.CharField(blank=True, editable=False, max_length=100)),
                ('count', models.PositiveIntegerField(default=0, editable=False)),
                ('ending', models.CharField(blank=True, choices=[('', 'None'), ('done', 'Done'), ('quota', 'Quota'), ('time', 'Time')], default='', editable=False, max_length=10)),
                ('owner', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['pk'],
                'default_permissions': (),
            },
        ),
    ]
