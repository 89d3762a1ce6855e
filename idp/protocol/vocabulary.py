"""Words of the specifications that several rooms share."""

#: OIDC Core §5.4: which claims each standard scope asks for, in the order the specification has.
SCOPE_CLAIMS = {
    "openid": ("sub",),
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}

#: OIDC Core §11: asks to go on when the person is away.
OFFLINE_ACCESS = "offline_access"

#: OIDC Core §5.1.1.
ADDRESS_MEMBERS = (
    "formatted",
    "street_address",
    "locality",
    "region",
    "postal_code",
    "country",
)
