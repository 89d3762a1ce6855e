from django.db import migrations

from foundation.trigrams import TrigramIndex

INDEX = TrigramIndex(
    "accounts_user_trigrams",
    "accounts_user",
    "email || ' ' || name || ' ' || given_name || ' ' || family_name",
)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0017_profile")]

    operations = [
        migrations.RunPython(
            lambda _apps, editor: INDEX.make(editor.connection),
            lambda _apps, editor: INDEX.remove(editor.connection),
        )
    ]
