"""Claims of scopes in ID tokens, the type of JWT access tokens, and roles.

Clients that exist keep their ID tokens as they are; operators' new ones get claims of scopes in them.
"""

from django.conf import settings
from django.db import migrations, models

_CHOICES = [("scopes", "In the ID token and at UserInfo"), ("userinfo", "At UserInfo alone")]


def id_token_claims(default: str) -> models.CharField:
    return models.CharField(choices=_CHOICES, default=default, max_length=10, verbose_name="claims of its scopes")


class Migration(migrations.Migration):

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("idp", "0036_glossary_words"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("client", "id_token_claims", id_token_claims("userinfo")),
        migrations.AlterField("client", "id_token_claims", id_token_claims("scopes")),
        migrations.AddField(
            "resourceserver",
            "access_token_typ",
            models.CharField(
                choices=[("at+jwt", "at+jwt"), ("JWT", "JWT")], default="at+jwt", max_length=10, verbose_name="type of the JWT (typ)"
            ),
        ),
        migrations.AddField(
            "resourceserver",
            "access_token_claims",
            models.JSONField(blank=True, default=list, verbose_name="claims about users"),
        ),
        migrations.CreateModel(
            name="Role",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("client", models.ForeignKey(db_index=False, on_delete=models.deletion.CASCADE, related_name="roles", to=settings.OAUTH2_PROVIDER_APPLICATION_MODEL, verbose_name="app")),
                ("groups", models.ManyToManyField(blank=True, related_name="app_roles", to="auth.group", verbose_name="groups")),
                ("users", models.ManyToManyField(blank=True, related_name="app_roles", to=settings.AUTH_USER_MODEL, verbose_name="users")),
            ],
            options={
                "verbose_name": "role",
                "verbose_name_plural": "roles",
                "constraints": [models.UniqueConstraint(fields=("client", "name"), name="one_role_of_a_name")],
            },
        ),
    ]
