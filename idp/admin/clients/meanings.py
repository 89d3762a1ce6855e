"""Explanations of the members of requests, responses and tokens, for operators.

OIDC Core §2, §3.1.2.1, §3.1.2.5, §3.1.3.3; RFC 7515 §4.1; RFC 7519 §4.1; RFC 9068 §2.2.
"""

from django.utils.translation import gettext_lazy as _

REQUEST = {
    "client_id": _("Which app asks."),
    "redirect_uri": _(
        "Where the answer goes: to this administration, for this one test. The app sends one of "
        "its own redirect URIs instead."
    ),
    "response_type": _(
        "What is to come back: a code, which is then exchanged for tokens; or tokens at once."
    ),
    "response_mode": _("How it is to come back: in a form that the browser posts."),
    "scope": _("What is asked for. Here: all that the app may ask for."),
    "state": _(
        "New for each request, and compared when the answer comes, so that an attacker cannot "
        "inject the answer to another."
    ),
    "nonce": _("New for each request, and comes back in the ID token, which belongs to it so."),
    "code_challenge": _(
        "The hash of a secret that only goes along with the code later (PKCE): a stolen code is of "
        "no use."
    ),
    "code_challenge_method": _("How it was hashed."),
    "authorization_details": _("What exactly is asked for (RFC 9396)."),
    "prompt": _("What the user is asked in any case."),
}

ANSWER = {
    "code": _("Works once, for a minute, and only with the secret behind code_challenge."),
    "state": _("What was sent along with the request."),
    "iss": _("Who answers (RFC 9207)."),
    "session_state": _("By this, a page of the app can notice that the user signed out."),
    "error": _("What went wrong, by the name that the specifications give it."),
    "error_description": _("The same for the app’s developer."),
    "error_uri": _("A page about this error."),
}

TOKENS = {
    "access_token": _("Opens UserInfo, and APIs beyond."),
    "token_type": _("Everyone who has the token can use it."),
    "expires_in": _("For how many seconds the access token would be good."),
    "scope": _("What the access token opens."),
    "authorization_details": _("What exactly the access token is for (RFC 9396)."),
    "refresh_token": _("Brings new tokens later, without the user."),
    "id_token": _("Tells the app who signed in."),
    "device_secret": _("Signs the user in to your other apps on the same device."),
}

HEADER = {
    "alg": _("The algorithm of the signature; in an encrypted token, of its key."),
    "enc": _("How the content is encrypted."),
    "kid": _("Which key it takes, by its name in the key set."),
    "typ": _("What kind of token it is."),
    "cty": _("What is inside."),
    "epk": _("The sender’s part of the key agreement."),
}

CLAIMS = {
    "iss": _("Who made it. The app compares it character by character."),
    "sub": _("Whom it is about. The app knows users by this; it never changes."),
    "aud": _("Whom it is for: an ID token for the app, an access token for an API."),
    "exp": _("Until when it is good."),
    "iat": _("When it was made."),
    "auth_time": _("When the user signed in, which may be long before."),
    "acr": _("How well they signed in, by the name of a level."),
    "amr": _("What they used for it, such as pwd (a password), otp (a code), mfa (two factors)."),
    "nonce": _("The one of the request."),
    "at_hash": _("Binds the access token that came along."),
    "c_hash": _("Binds the code that came along."),
    "sid": _("Their session at the app, by which it is notified of a sign-out."),
    "jti": _("Its own name."),
    "client_id": _("The app that it was given to."),
    "scope": _("What it opens."),
    "authorization_details": _("What exactly it is for (RFC 9396)."),
    "act": _("Who acts for the user with it."),
    "may_act": _("Which app may act for the user with it."),
    "ds_hash": _("Binds the device secret that came along."),
}
