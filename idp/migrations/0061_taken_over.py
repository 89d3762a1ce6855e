from django.db import migrations, models


class Migration(migrations.Migration):
    """What is taken over from a server before this one: hashes of secrets, and signing keys."""

    dependencies = [
        ("idp", "0060_pairwise_subjects_as_text"),
    ]

    operations = [
        migrations.AlterField(
            model_name="clientsecret",
            name="hashed",
            field=models.CharField(editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name="signingkey",
            name="imported_from",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=300,
                verbose_name="issuer of what it signed",
            ),
        ),
        migrations.AddField(
            model_name="signingkey",
            name="published_until",
            field=models.DateTimeField(null=True, verbose_name="published until"),
        ),
        migrations.CreateModel(
            name="ImportedToken",
            fields=[
                (
                    "hashed",
                    models.CharField(max_length=64, primary_key=True, serialize=False),
                ),
                ("source", models.CharField(max_length=300)),
                ("seen_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
