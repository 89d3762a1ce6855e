"""Claims of scopes in ID tokens, the type of JWT access tokens, and roles.

Clients that exist keep their ID tokens as they are; operators' new ones get claims of scopes in them.
"""

from django.db import migrations, models

_CHOICES = [("scopes", "In the ID token and at UserInfo"), ("userinfo", "At UserInfo alone")]


def id_token_claims(default: str) -> models.CharField:
    return models.CharField(choices=_CHOICES, default=default, max_length=10, verbose_name="claims of its scopes")


class Migration(migrations.Migration):

    dependencies = [("idp", "0036_glossary_words")]

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
    ]
