from django.db import migrations, models
from django.utils import timezone

import foundation.models


def plan_logos(apps, schema_editor):
    """Let the worker fetch the logos of apps that operators entered: browsers did until now."""
    Client, ClientLogo = apps.get_model("idp", "Client"), apps.get_model("idp", "ClientLogo")
    entered = Client.objects.filter(registration_source="manual")
    named = entered.exclude(logo_uri="").only("pk", "logo_uri")
    logos = (
        ClientLogo(client=client, uri=client.logo_uri, due_at=timezone.now())
        for client in named.iterator(chunk_size=500)
    )
    ClientLogo.objects.bulk_create(logos, batch_size=500, ignore_conflicts=True)


class Migration(migrations.Migration):

    dependencies = [
        ('idp', '0043_attributes'),
    ]

    operations = [
        migrations.AddField(
            model_name='client',
            name='accent_color',
            field=models.CharField(blank=True, max_length=7, validators=[foundation.models.validate_accent], verbose_name='accent colour'),
        ),
        migrations.RunPython(plan_logos, migrations.RunPython.noop, elidable=True),
    ]
