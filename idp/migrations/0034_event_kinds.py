"""Rename two kinds of events: admin actions, and failed notifications of sign-outs."""

from typing import Any

from django.db import migrations, models

_KINDS = {"acted": "admin-action", "app-not-told": "notification-failed"}


def _rename(apps: Any, kinds: dict[str, str]) -> None:
    for before, after in kinds.items():
        apps.get_model("idp", "Event").objects.filter(kind=before).update(kind=after)


def rename(apps: Any, _schema_editor: Any) -> None:
    _rename(apps, _KINDS)


def rename_back(apps: Any, _schema_editor: Any) -> None:
    _rename(apps, {after: before for before, after in _KINDS.items()})


class Migration(migrations.Migration):

    dependencies = [("idp", "0033_actors")]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('denied', 'Request denied'), ('signed-in', 'Signed in'), ('sign-in-failed', 'Sign-in failed'), ('signed-up', 'Account made'), ('session-ended', 'Session ended'), ('notification-failed', 'App not told of a sign-out'), ('email-verified', 'Address verified'), ('password-changed', 'Password changed'), ('email-changed', 'Address changed'), ('email-restored', 'Address put back'), ('factor-added', 'Second factor added'), ('factor-removed', 'Second factor removed'), ('deletion-asked', 'Deletion asked for'), ('deletion-undone', 'Account kept'), ('consented', 'Access allowed'), ('consent-withdrawn', 'Access taken back'), ('reused', 'Used code or token came again'), ('registered', 'App registered itself'), ('created', 'Created'), ('changed', 'Changed'), ('deleted', 'Deleted'), ('admin-action', 'Operator’s action'), ('exported', 'Exported'), ('housekeeping-failed', 'Tidying failed')], max_length=20, verbose_name='kind'),
        ),
        migrations.RunPython(rename, rename_back),
    ]
