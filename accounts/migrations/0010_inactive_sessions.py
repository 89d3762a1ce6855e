"""Sessions of other accounts in a browser are inactive ones."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("accounts", "0009_known_browsers")]

    operations = [migrations.RenameModel("ParkedSession", "InactiveSession")]
