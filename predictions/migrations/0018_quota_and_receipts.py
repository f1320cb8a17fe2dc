
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0017_visitors'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Sender',
            fields=[
                ('name', models.CharField(editable=False, max_length=40, primary_key=True, serialize=False)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Receipt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('visitor', models.UUIDField(editable=False, null=True)),
                ('key', models.CharField(editable=False, max_length=200)),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('created_at', models.DateTimeField(auto_now_add=True, db_index=True)),
                ('owner', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('prediction', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='receipts', to='predictions.prediction')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(condition=models.Q(('owner__isnull', False)), fields=('owner', 'key'), name='one_receipt_per_account_and_key'), models.UniqueConstraint(condition=models.Q(('visitor__isnull', False)), fields=('visitor', 'key'), name='one_receipt_per_visitor_and_key')],
            },
        ),
        migrations.CreateModel(
            name='Sending',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sent_at', models.DateTimeField(db_index=True)),
                ('sender', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='predictions.sender')),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['sender', '-sent_at'], name='sending_by_sender')],
            },
        ),
    ]
