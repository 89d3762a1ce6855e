from django.core.validators import RegexValidator
from django.db import migrations, models

import accounts.models
from foundation.uuids_as_text import written_with_dashes


class Migration(migrations.Migration):
    dependencies = [("accounts", "0021_upstreams")]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="sub",
            field=models.CharField(
                default=accounts.models.new_subject,
                editable=False,
                max_length=255,
                unique=True,
                validators=[
                    RegexValidator(
                        "\\A[!-~](?:[ -~]{0,253}[!-~])?\\Z",
                        "A subject has 1 to 255 characters of ASCII that can be seen.",
                    )
                ],
                verbose_name="subject",
            ),
        ),
        written_with_dashes("accounts_user", "sub"),
        # Hashes of other software are longer.
        migrations.AlterField(
            model_name="user",
            name="password",
            field=models.CharField(max_length=512, verbose_name="password"),
        ),
        # Only in Python: the column keeps its name.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="user",
                    name="profile",
                    field=models.URLField(
                        blank=True, db_column="profile", verbose_name="profile page"
                    ),
                ),
                migrations.RenameField("user", "profile", "profile_url"),
            ]
        ),
    ]
