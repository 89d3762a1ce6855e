import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("idp", "0056_token_exchange"),
    ]

    operations = [
        migrations.CreateModel(
            name="TrustedIssuer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "issuer",
                    models.CharField(max_length=300, unique=True, verbose_name="issuer"),
                ),
                ("name", models.CharField(blank=True, max_length=100, verbose_name="name")),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("purposes", models.JSONField(blank=True, default=list, verbose_name="trusted for")),
                (
                    "jwks_uri",
                    models.URLField(
                        blank=True, verbose_name="address of the public keys (jwks_uri)"
                    ),
                ),
                (
                    "jwks",
                    models.JSONField(blank=True, null=True, verbose_name="public keys (jwks)"),
                ),
                (
                    "algorithms",
                    models.JSONField(blank=True, default=list, verbose_name="algorithms"),
                ),
                (
                    "audiences",
                    models.JSONField(blank=True, default=list, verbose_name="audiences"),
                ),
                (
                    "claims",
                    models.JSONField(blank=True, default=dict, verbose_name="required claims"),
                ),
                (
                    "longest_life",
                    models.PositiveIntegerField(
                        default=3600,
                        validators=[
                            django.core.validators.MinValueValidator(60),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                        verbose_name="longest life of its tokens, seconds",
                    ),
                ),
                (
                    "email_domains",
                    models.JSONField(
                        blank=True, default=list, verbose_name="domains of email addresses"
                    ),
                ),
            ],
            options={
                "verbose_name": "trusted issuer",
                "verbose_name_plural": "trusted issuers",
                "ordering": ["issuer"],
            },
        ),
        migrations.CreateModel(
            name="IssuerLink",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subject", models.CharField(max_length=255, verbose_name="subject (sub)")),
                (
                    "issuer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to="idp.trustedissuer",
                        verbose_name="trusted issuer",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="issuer_links",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "linked user",
                "verbose_name_plural": "linked users",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("issuer", "subject"), name="one_user_of_a_subject"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsedIssuerJwt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("jti_hash", models.CharField(max_length=64)),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "issuer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="idp.trustedissuer",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("issuer", "jti_hash"), name="an_issuers_jwt_works_once"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="client",
            name="workloads",
            field=models.JSONField(
                blank=True, db_default=[], default=list, verbose_name="workloads"
            ),
        ),
        migrations.AddField(
            model_name="client",
            name="user_assertions",
            field=models.JSONField(
                blank=True, db_default={}, default=dict, verbose_name="assertions about users"
            ),
        ),
        migrations.AddField(
            model_name="grant",
            name="asserted_by",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=300, verbose_name="asserted by"
            ),
        ),
        migrations.AddIndex(
            model_name="grant",
            index=models.Index(
                condition=models.Q(("asserted_by", ""), _negated=True),
                fields=["asserted_by", "id"],
                name="grant_by_issuer",
            ),
        ),
    ]
