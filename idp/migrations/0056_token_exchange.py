import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("idp", "0055_backchannel_authentication")]

    operations = [
        migrations.AddField(
            model_name="client",
            name="token_exchange_clients",
            field=models.JSONField(
                blank=True, db_default=[], default=list, verbose_name="apps whose tokens it may exchange"
            ),
        ),
        migrations.AddField(
            model_name="client",
            name="token_exchange_id_tokens",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="it may exchange ID tokens"
            ),
        ),
        migrations.AddField(
            model_name="client",
            name="token_exchange_resources",
            field=models.JSONField(
                blank=True, null=True, verbose_name="APIs it may get tokens for"
            ),
        ),
        migrations.AddField(
            model_name="client",
            name="may_act",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=255,
                verbose_name="app that may act for its users",
            ),
        ),
        migrations.AddField(
            model_name="client",
            name="native_sso_group",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=100,
                verbose_name="shares sign-ins on a device",
            ),
        ),
        migrations.AddField(
            model_name="client",
            name="connected_applications",
            field=models.JSONField(blank=True, null=True, verbose_name="connected applications"),
        ),
        migrations.AddField(
            model_name="accesstoken", name="act", field=models.JSONField(null=True)
        ),
        migrations.CreateModel(
            name="DeviceSecret",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("secret_hash", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "grant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="idp.grant"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("secret_hash",), name="one_device_secret_of_a_hash"
                    )
                ]
            },
        ),
    ]
