"""Requests that wait for their users are interactions."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("accounts", "0009_known_browsers"), ("idp", "0030_logos")]

    operations = [migrations.RenameModel("PendingAuthorization", "Interaction")]
