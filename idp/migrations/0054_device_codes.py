import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """The table was never written to before, so that new columns need no values for old rows."""

    dependencies = [
        ("accounts", "0020_lasting_sessions"),
        ("idp", "0053_clients_with_extension_grants"),
    ]

    operations = [
        migrations.AlterField(
            model_name="devicecode",
            name="user",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="%(app_label)s_%(class)s",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="devicecode",
            name="client_id",
            field=models.CharField(blank=True, default="", editable=False, max_length=100),
        ),
        migrations.AlterField(
            model_name="devicecode",
            name="expires",
            field=models.DateTimeField(db_index=True),
        ),
        migrations.AlterField(
            model_name="devicecode",
            name="last_checked",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="devicecode",
            name="application",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="devicecode",
            name="grant",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                to="idp.grant",
            ),
        ),
        migrations.AddField(
            model_name="devicecode",
            name="resource",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="devicecode",
            name="ip_address",
            field=models.GenericIPAddressField(null=True),
        ),
        migrations.AddField(
            model_name="devicecode",
            name="user_agent",
            field=models.CharField(blank=True, default="", max_length=400),
        ),
        migrations.AddField(
            model_name="devicecode",
            name="created_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddField(
            model_name="devicecode",
            name="redeemed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name="devicecode",
            constraint=models.UniqueConstraint(
                fields=("user_code",), name="one_device_code_of_a_user_code"
            ),
        ),
    ]
