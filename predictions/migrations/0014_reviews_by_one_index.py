from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0013_indexes_of_lists'),
    ]

    operations = [
        migrations.AlterField(
            model_name='correction',
            name='review',
            field=models.CharField(choices=[('pending', 'To review'), ('accepted', 'Accepted'), ('rejected', 'Rejected')], default='pending', max_length=8, verbose_name='review'),
        ),
    ]
