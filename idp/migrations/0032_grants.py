"""What one consented authorization gave is a grant."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("idp", "0031_interactions")]

    operations = [
        migrations.RenameModel("Authorization", "Grant"),
        *(
            migrations.RenameField(model, "authorization", "grant")
            for model in ("AccessToken", "RefreshToken", "AuthorizationCode")
        ),
    ]
