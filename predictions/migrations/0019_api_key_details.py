import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('knox', '0009_extend_authtoken_field'),
        ('predictions', '0018_quota_and_receipts'),
    ]

    operations = [
        migrations.CreateModel(
            name='KeyDetails',
            fields=[
                ('key', models.OneToOneField(editable=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='details', serialize=False, to='knox.authtoken')),
                ('name', models.CharField(blank=True, editable=False, max_length=100, verbose_name='name')),
                ('last_used_at', models.DateTimeField(editable=False, null=True, verbose_name='last used at')),
            ],
            options={
                'default_permissions': (),
            },
        ),
    ]
