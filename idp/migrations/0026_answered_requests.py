from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("idp", "0025_refresh_grace")]

    operations = [
        migrations.AddField(
            "pendingauthorization", "answered_at", models.DateTimeField(null=True)
        ),
        migrations.AddField(
            "pendingauthorization",
            "answered_in",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=models.deletion.SET_NULL,
                related_name="+",
                to="accounts.session",
            ),
        ),
    ]
