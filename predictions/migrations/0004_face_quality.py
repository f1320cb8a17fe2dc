from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("predictions", "0003_photo_warnings")]

    operations = [
        migrations.AddField(
            model_name="face",
            name="quality",
            field=models.JSONField(null=True, verbose_name="quality"),
        ),
    ]
