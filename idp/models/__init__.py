"""The provider's data. django-oauth-toolkit's models are swapped for ours here, and only here."""

from idp.models.attribute import Attribute
from idp.models.authorization_details_type import AuthorizationDetailsType
from idp.models.backchannel import BackchannelAuthentication, BackchannelNotification
from idp.models.client import Client
from idp.models.client_rows import ClientName, ClientOrigin, ClientSecret, UsedAssertion
from idp.models.delivery import Delivery
from idp.models.device_secret import DeviceSecret
from idp.models.event import Event
from idp.models.event_count import CountedUntil, EventCount, EventMark
from idp.models.grant import ClientSession, Consent, Grant, Interaction
from idp.models.imported import ImportedToken
from idp.models.keys import SigningKey
from idp.models.logo import ClientLogo
from idp.models.personal_data import DataExport, Sharing
from idp.models.registration import InitialAccessToken
from idp.models.resource_server import ResourceServer
from idp.models.role import Role
from idp.models.scope import Scope
from idp.models.subject import PairwiseSubject
from idp.models.tokens import AccessToken, AuthorizationCode, DeviceCode, IDToken, RefreshToken
from idp.models.trusted_issuer import IssuerLink, TrustedIssuer, UsedIssuerJwt

__all__ = [
    "AccessToken",
    "Attribute",
    "AuthorizationCode",
    "AuthorizationDetailsType",
    "BackchannelAuthentication",
    "BackchannelNotification",
    "Client",
    "ClientLogo",
    "ClientName",
    "ClientOrigin",
    "ClientSecret",
    "ClientSession",
    "Consent",
    "CountedUntil",
    "DataExport",
    "Delivery",
    "DeviceCode",
    "DeviceSecret",
    "Event",
    "EventCount",
    "EventMark",
    "Grant",
    "IDToken",
    "ImportedToken",
    "InitialAccessToken",
    "Interaction",
    "IssuerLink",
    "PairwiseSubject",
    "RefreshToken",
    "ResourceServer",
    "Role",
    "Scope",
    "Sharing",
    "SigningKey",
    "TrustedIssuer",
    "UsedAssertion",
    "UsedIssuerJwt",
]
