from django.db import migrations

from foundation.trigrams import TrigramIndex

INDEX = TrigramIndex(
    "idp_client_trigrams", "idp_client", "client_id || ' ' || name || ' ' || redirect_uris::text"
)


class Migration(migrations.Migration):
    dependencies = [("idp", "0044_app_accents")]

    operations = [
        migrations.RunPython(
            lambda _apps, editor: INDEX.make(editor.connection),
            lambda _apps, editor: INDEX.remove(editor.connection),
        )
    ]
