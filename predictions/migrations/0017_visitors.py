import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def delete_photos_of_nobody(apps, schema_editor):
    """Photos whose predictions were deleted in the administration: nobody can see or delete them.
    Upkeep deletes their files."""
    apps.get_model("predictions", "Photo").objects.filter(predictions=None).delete()


class Migration(migrations.Migration):

    dependencies = [
        ("predictions", "0016_photo_bytes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Visitor",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("is_adopted", models.BooleanField(default=False, editable=False)),
                ("changed_at", models.DateTimeField(auto_now=True, db_index=True)),
                ("account", models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={"verbose_name": "visitor", "verbose_name_plural": "visitors"},
        ),
        migrations.RunPython(delete_photos_of_nobody, migrations.RunPython.noop, elidable=True),
    ]
