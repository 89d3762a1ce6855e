import hashlib
import json
from urllib.parse import urlsplit

from django.db import migrations, models
from django.db.models import OuterRef, Subquery

_BATCH = 500
_SHOWN = ("client_name#", "logo_uri#")


def _fingerprint(client):
    shown = {name: text for name, text in client.localized.items() if name.startswith(_SHOWN)}
    parts = map(urlsplit, client.redirect_uris)
    hosts = {part.netloc or f"{part.scheme}:" for part in parts}
    shown |= {"client_name": client.name, "logo_uri": client.logo_uri, "hosts": sorted(hosts)}
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def keep_what_was_agreed_to(apps, _schema_editor):
    """Consents hold to apps that registered themselves as they are now."""
    clients, consents = (apps.get_model("idp", name).objects for name in ("Client", "Consent"))
    own = clients.exclude(registration_source="manual").order_by("pk")
    last = 0
    while batch := list(own.filter(pk__gt=last)[:_BATCH]):
        for client in batch:
            client.display_fingerprint = _fingerprint(client)
        clients.bulk_update(batch, ["display_fingerprint"])
        last = batch[-1].pk
    present = clients.filter(pk=OuterRef("client")).values("display_fingerprint")
    consents.exclude(client__registration_source="manual").update(
        display_fingerprint=Subquery(present)
    )


class Migration(migrations.Migration):
    dependencies = [("idp", "0026_answered_requests")]

    operations = [
        migrations.AddField(
            "client",
            "display_fingerprint",
            models.CharField(blank=True, default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            "consent",
            "display_fingerprint",
            models.CharField(blank=True, default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            "consent", "resources", models.JSONField(default=list, verbose_name="APIs")
        ),
        migrations.AddField("consent", "loopback_ports", models.JSONField(default=list)),
        migrations.AddField(
            "resourceserver",
            "open_to_self_registered",
            models.BooleanField(
                default=False, verbose_name="open to apps that registered themselves"
            ),
        ),
        migrations.RunPython(keep_what_was_agreed_to, migrations.RunPython.noop),
    ]
