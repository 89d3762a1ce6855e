"""Servers of the tests send what they write themselves, at once, and look for no other mail.

Several share a database, and a test that sends mail by a process of its own must find it there.
"""

from django.apps import AppConfig


class SendsOwnMail(AppConfig):
    name = "tests.own_mail"

    def ready(self) -> None:
        from foundation import mail

        mail.SECONDS_BETWEEN_LOOKS = 3600
