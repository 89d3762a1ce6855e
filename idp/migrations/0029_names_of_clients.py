from django.db import migrations, models

from foundation.lookalikes import skeleton

_BATCH = 500
_LONGEST = 255


def keep_looks(apps, _schema_editor):
    """Keep how the names of apps look that operators entered."""
    clients, names = (apps.get_model("idp", name) for name in ("Client", "ClientName"))
    entered = clients.objects.filter(registration_source="manual").order_by("pk")
    last = 0
    while batch := list(entered.filter(pk__gt=last)[:_BATCH]):
        names.objects.bulk_create(
            [
                names(client=client, skeleton=look)
                for client in batch
                for look in _looks(client) - {""}
            ]
        )
        last = batch[-1].pk


def _looks(client):
    in_languages = (
        text for name, text in client.localized.items() if name.startswith("client_name#")
    )
    return {skeleton(name)[:_LONGEST] for name in (client.name, *in_languages)}


class Migration(migrations.Migration):
    dependencies = [("idp", "0028_housekeeping_events")]

    operations = [
        migrations.CreateModel(
            "ClientName",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("skeleton", models.CharField(db_index=True, max_length=255)),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.deletion.CASCADE,
                        related_name="names",
                        to="idp.client",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("client", "skeleton"), name="one_row_per_look"
                    )
                ]
            },
        ),
        migrations.RunPython(keep_looks, migrations.RunPython.noop),
    ]
