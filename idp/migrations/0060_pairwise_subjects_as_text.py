from django.db import migrations, models

import accounts.models
from foundation.uuids_as_text import written_with_dashes


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0022_subjects_as_text"),
        ("idp", "0059_pushed_requests"),
    ]

    operations = [
        migrations.AlterField(
            model_name="pairwisesubject",
            name="sub",
            field=models.CharField(
                default=accounts.models.new_subject, editable=False, max_length=255, unique=True
            ),
        ),
        written_with_dashes("idp_pairwisesubject", "sub"),
    ]
