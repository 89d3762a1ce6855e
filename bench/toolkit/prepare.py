"""Make its tables, its user and its client, whose secret is kept as it is: its fastest way."""

import os

import django
from django.core.management import call_command


def main() -> None:
    """Fill an empty database."""
    django.setup()
    call_command("migrate", verbosity=0)
    from django.contrib.auth import get_user_model
    from oauth2_provider.models import Application

    get_user_model().objects.create(
        username="ana", email="ana@example.com", first_name="Ana", last_name="Example"
    )
    for client_id, grant in (
        (os.environ["CLIENT_ID"], Application.GRANT_AUTHORIZATION_CODE),
        (os.environ["CLIENT_ID"] + "-machine", Application.GRANT_CLIENT_CREDENTIALS),
    ):
        Application.objects.create(
            client_id=client_id,
            client_secret=os.environ["CLIENT_SECRET"],
            hash_client_secret=False,
            redirect_uris=os.environ["REDIRECT_URI"],
            client_type=Application.CLIENT_CONFIDENTIAL,
            authorization_grant_type=grant,
            algorithm=Application.RS256_ALGORITHM,
            skip_authorization=True,
        )


if __name__ == "__main__":
    main()
