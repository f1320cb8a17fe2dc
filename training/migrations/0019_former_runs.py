"""The tables of former runs go: their rows are jobs, and what nobody maintains any more would stand
in the way of deleting datasets and accounts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0018_jobs_of_all_kinds")]

    operations = [
        *(migrations.DeleteModel(name) for name in ("ImportRun", "ReviewRun", "ExamRun")),
        migrations.CreateModel(
            name='ExamRun',
            fields=[
            ],
            options={
                'verbose_name': 'examination',
                'verbose_name_plural': 'examinations',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('training.job',),
        ),
        migrations.CreateModel(
            name='ImportRun',
            fields=[
            ],
            options={
                'verbose_name': 'import',
                'verbose_name_plural': 'imports',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('training.job',),
        ),
        migrations.CreateModel(
            name='ReviewRun',
            fields=[
            ],
            options={
                'verbose_name': 'search for label errors',
                'verbose_name_plural': 'searches for label errors',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('training.job',),
        ),
        migrations.CreateModel(
            name='TrainingRun',
            fields=[
            ],
            options={
                'verbose_name': 'training run',
                'verbose_name_plural': 'training runs',
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('training.job',),
        ),
        migrations.AlterModelOptions(
            name='job',
            options={'ordering': ['-created_at', '-pk'], 'verbose_name': 'job', 'verbose_name_plural': 'jobs'},
        ),
        migrations.AlterField(
            model_name='job',
            name='detect_faces',
            field=models.BooleanField(default=False, verbose_name='look for faces'),
        ),
        migrations.AlterField(
            model_name='job',
            name='kind',
            field=models.CharField(choices=[('import', 'import'), ('label_issues', 'search for label errors'), ('examination', 'examination'), ('training', 'training run')], editable=False, max_length=20, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='job',
            name='lock',
            field=models.CharField(editable=False, max_length=60),
        ),
        migrations.AlterField(
            model_name='job',
            name='of_corrections',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['queued', 'running'])), fields=('lock',), name='one_open_job_per_lock'),
        ),
    ]
