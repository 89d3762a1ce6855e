"""The form of a user: claims, the verified address, attributes, permissions."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.addresses import cleaned_email
from accounts.allauth_door import email_addresses
from accounts.models import User
from idp.admin.attributes import AttributesField
from idp.admin.fields import AddressField, WebAddress
from idp.admin.recent_authentication import RecentAuthenticationForm

#: What gives a user permissions in this administration.
POWERS = ("is_staff", "is_superuser", "groups")


class UserForm(RecentAuthenticationForm):
    """A user's claims, whether the address is verified, and the members of the postal address."""

    email_verified = forms.BooleanField(
        label=_("Email address verified"),
        required=False,
        help_text=_("Tick it only if you know that the mailbox is theirs."),
    )
    invite = forms.BooleanField(
        label=_("Send an invitation"),
        required=False,
        initial=True,
        help_text=_("A mail with a link to choose a password. Valid for seven days."),
    )

    attributes = AttributesField(label=_("Attributes"))

    recent: tuple[str, ...] = POWERS

    class Meta:
        model = User
        exclude = ("password", "user_permissions", "last_login")
        field_classes = {
            "address": AddressField,
            **dict.fromkeys(("profile_url", "picture", "website"), WebAddress),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            # The owner of the address owns the account: a new password is mailed there.
            self.recent = (*POWERS, "email", "email_verified")
        attributes = self.fields.get("attributes")
        if isinstance(attributes, AttributesField):
            attributes.define(self.instance)
        if self.instance.pk is not None and "email_verified" in self.fields:
            self.fields["email_verified"].initial = is_verified(self.instance)

    def clean_email(self) -> str:
        """Return the address as users are found by it."""
        email = cleaned_email(self.cleaned_data["email"])
        taken = User.objects.filter(email=email).exclude(pk=self.instance.pk)
        if taken.exists() or email_addresses.is_verified_by_another(email, self.instance.pk):
            raise ValidationError(gettext("Another user has this address."))
        return email


def is_verified(user: User) -> bool:
    """Whether the address of a user's account is verified."""
    return email_addresses.is_verified(user, user.email)
