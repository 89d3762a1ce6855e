from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("idp", "0051_events_by_session")]

    operations = [
        migrations.AddIndex(
            model_name="client",
            index=models.Index(
                condition=models.Q(("user__isnull", False)),
                fields=["user", "id"],
                name="clients_by_owner",
            ),
        ),
    ]
