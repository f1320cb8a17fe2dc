from django.db import migrations


class Migration(migrations.Migration):
    """Apart from the one before, which copies these columns: PostgreSQL alters no table on which
    rows were just written."""

    dependencies = [("training", "0010_label_review")]

    operations = [
        migrations.RemoveIndex(
            model_name='sample',
            name='sample_doubt',
        ),
        migrations.RemoveField(
            model_name='sample',
            name='doubt',
        ),
        migrations.RemoveField(
            model_name='sample',
            name='doubtful_label',
        ),
        migrations.RemoveField(
            model_name='sample',
            name='suggestion',
        ),
    ]
