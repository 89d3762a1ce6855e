"""The database cache's table, so that a fresh installation needs no step of its own for it."""

from django.core.management import call_command
from django.db import migrations


def create(apps, schema_editor):
    call_command("createcachetable", database=schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [("idp", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
