"""A plain Django project: `… DATABASE_URL PREFIX (auth | custom)`.

Its tables are made by its own migrations, and its people by Django's own manager. `custom` has a
user model of its own, with a UUID as primary key and an address in place of a user name. It prints
as JSON who they are.
"""

import json
import sys
from pathlib import Path
from tempfile import mkdtemp

import django
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from environ import Env

DATABASE, PREFIX, MODEL = sys.argv[1:]
PASSWORD = "a password of the old project"
MODELS = """
import uuid
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models

class People(BaseUserManager):
    def create_user(self, email, password=None, **fields):
        person = self.model(email=email, **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

class Person(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    username = None
    email = models.EmailField(unique=True)
    USERNAME_FIELD, REQUIRED_FIELDS = "email", []
    objects = People()
"""


class QuickHasher(PBKDF2PasswordHasher):
    """Django's own, with less work, as a project's test settings have it."""

    iterations = 1000


def main() -> None:
    folder = Path(mkdtemp()) / "people"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "models.py").write_text(MODELS if MODEL == "custom" else "")
    sys.path.insert(0, str(folder.parent))
    settings.configure(
        USE_TZ=True,
        PASSWORD_HASHERS=[
            f"{__name__}.QuickHasher",
            "django.contrib.auth.hashers.ScryptPasswordHasher",
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        AUTH_USER_MODEL="people.Person" if MODEL == "custom" else "auth.User",
        DATABASES={"default": Env.db_url_config(DATABASE)},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "people"],
    )
    django.setup()
    from django.core.management import call_command

    call_command("makemigrations", "people", verbosity=0)
    call_command("migrate", verbosity=0)
    print(json.dumps(made()))


def made() -> dict[str, dict[str, str]]:
    """Make people and return their primary keys by name, as apps of the project know them."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import Group

    users = get_user_model()

    def person(name: str, **fields: object) -> object:
        known = {} if MODEL == "custom" else {"username": f"{PREFIX}-{name}"}
        if MODEL != "custom":  # other tests have people with small numbers
            known["pk"] = 731_000_000 + users.objects.count()
        return users.objects.create_user(
            email=f"{name}@{PREFIX}.example", password=PASSWORD, **known, **fields
        )

    ana = person("ana", first_name="Ana", last_name="Almeida", is_staff=True, is_superuser=True)
    bo = person("bo", is_active=False)
    bo.password = make_password(PASSWORD, hasher="scrypt")
    bo.save()
    person("ana2").set_unusable_password()
    for name in ("bakers", "night shift"):
        ana.groups.add(Group.objects.create(name=f"{PREFIX}-{name}"))
    return {"subs": {"ana": str(ana.pk), "bo": str(bo.pk)}}


main()
