from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0019_support_permissions")]

    operations = [
        migrations.AddField(
            model_name="session",
            name="lasting",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
