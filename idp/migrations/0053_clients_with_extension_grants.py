from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("idp", "0052_clients_by_owner")]

    operations = [
        migrations.AddField(
            model_name="client",
            name="has_extension_grants",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddIndex(
            model_name="client",
            index=models.Index(
                condition=models.Q(("has_extension_grants", True)),
                fields=["has_extension_grants"],
                name="clients_with_extension_grants",
            ),
        ),
    ]
