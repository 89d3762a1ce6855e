from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("idp", "0050_event_mark")]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("session__isnull", False)),
                fields=["session", "id"],
                name="event_by_session",
            ),
        ),
    ]
