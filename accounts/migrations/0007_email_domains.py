"""Email domains in Unicode become A-labels, and addresses lower-case: one spelling each."""

import structlog
from django.db import IntegrityError, migrations, transaction

from accounts.addresses import LONGEST, normalised_email

log = structlog.get_logger(__name__)


def normalise(apps, schema_editor):
    for label, name in (("accounts", "User"), ("account", "EmailAddress")):
        model = apps.get_model(label, name)
        for pk, email in list(_odd(model)):
            better = normalised_email(email)
            try:
                with transaction.atomic():
                    if len(better) > LONGEST:
                        raise IntegrityError
                    model.objects.filter(pk=pk).update(email=better)
            except IntegrityError:
                # Two accounts have one address in two spellings. Which is whose, an operator knows.
                log.warning("email_address_taken_in_another_spelling", table=name, id=pk)


def _odd(model):
    rows = model.objects.values_list("pk", "email").order_by("pk")
    return ((pk, email) for pk, email in rows.iterator() if normalised_email(email) != email)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_lists"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [migrations.RunPython(normalise, migrations.RunPython.noop)]
