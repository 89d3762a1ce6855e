from django.core.validators import MaxValueValidator
from django.db import migrations, models


def leave_the_default(apps, _schema_editor):
    """Zero was the default: what nobody chose follows the new one."""
    clients = apps.get_model("idp", "Client").objects
    clients.filter(refresh_token_grace=0).update(refresh_token_grace=None)


def write_the_default(apps, _schema_editor):
    clients = apps.get_model("idp", "Client").objects
    clients.filter(refresh_token_grace=None).update(refresh_token_grace=0)


class Migration(migrations.Migration):
    dependencies = [("idp", "0024_fewer_indexes")]

    operations = [
        migrations.AlterField(
            "client",
            "refresh_token_grace",
            models.PositiveSmallIntegerField(
                blank=True,
                null=True,
                validators=[MaxValueValidator(30)],
                verbose_name="refresh grace, seconds",
            ),
        ),
        migrations.RunPython(leave_the_default, write_the_default),
    ]
