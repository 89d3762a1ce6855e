"""Rename indexes, labels and an ending of sessions to the words of the glossary."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def _rename(apps: Any, before: str, after: str) -> None:
    apps.get_model("accounts", "Session").objects.filter(ending=before).update(ending=after)


def rename(apps: Any, _schema_editor: Any) -> None:
    _rename(apps, "another-person", "another-user")


def rename_back(apps: Any, _schema_editor: Any) -> None:
    _rename(apps, "another-user", "another-person")


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0011_email'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='user',
            options={'verbose_name': 'user', 'verbose_name_plural': 'people'},
        ),
        migrations.RenameIndex(
            model_name='user',
            new_name='users_by_time',
            old_name='people_by_time',
        ),
        migrations.RenameIndex(
            model_name='user',
            new_name='users_of_the_staff',
            old_name='people_of_the_staff',
        ),
        migrations.RenameIndex(
            model_name='user',
            new_name='disabled_users',
            old_name='disabled_people',
        ),
        migrations.RenameIndex(
            model_name='user',
            new_name='users_to_be_deleted',
            old_name='people_to_be_deleted',
        ),
        migrations.AlterField(
            model_name='session',
            name='ip_address',
            field=models.GenericIPAddressField(null=True, verbose_name='IP address'),
        ),
        migrations.AlterField(
            model_name='session',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to=settings.AUTH_USER_MODEL, verbose_name='user'),
        ),
        migrations.RunPython(rename, rename_back),
    ]
