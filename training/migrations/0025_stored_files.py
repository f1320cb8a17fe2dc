from django.db import migrations, models


class Migration(migrations.Migration):
    """Database defaults, since workers of the version before go on writing rows."""

    dependencies = [("training", "0024_labels_in_range")]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="files",
            field=models.JSONField(
                default=dict,
                db_default=models.Value({}, models.JSONField()),
                editable=False,
                help_text="The stored files of its bundle; none while it is on one machine only.",
            ),
        ),
        migrations.AddField(
            model_name="content",
            name="is_stored",
            field=models.BooleanField(default=False, db_default=False),
        ),
        migrations.AddIndex(
            model_name="content",
            index=models.Index(
                fields=["id"], condition=models.Q(is_stored=False), name="content_to_store"
            ),
        ),
    ]
