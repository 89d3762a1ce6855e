"""Explanations of error codes for the page behind `error_uri`: meaning, and what to check."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Explanation:
    """The meaning of an error code, and what a developer checks, in this order."""

    meaning: Promise
    steps: tuple[Promise, ...]


EXPLANATIONS: dict[str, Explanation] = {
    "invalid_request": Explanation(
        _("The request lacks a parameter, repeats one, or has one that cannot be understood."),
        (
            _(
                "Read error_description: it names the parameter. Log the request as your app "
                "really sends it, after every proxy and library, and look for that parameter "
                "there."
            ),
            _(
                "It is missing: an empty value counts as missing, too. Check that the setting it "
                "comes from is filled in where the app runs."
            ),
            _(
                "It was sent twice: a parameter stands in the address or in the body, once. A "
                "client secret or an access token goes in the header or in the body, never in "
                "both and never in the address."
            ),
            _(
                "The redirect_uri is not registered: compare it character by character with the "
                "list that the operator keeps. http or https, the port, a slash at the end and "
                "capitals all count."
            ),
            _("The body was not understood: send application/x-www-form-urlencoded, not JSON."),
            _(
                "The subject_token or actor_token of a token exchange may not be used: it has "
                "expired or ended, is of an app or API that yours may not act for, or its type "
                "(subject_token_type) is another. error_description says which."
            ),
            _(
                "PKCE is not understood: send a code_challenge with code_challenge_method=S256. "
                "Any current OpenID Connect library has a switch for it."
            ),
            _(
                "The client_id is unknown or disabled: compare it with the operator’s, and ask "
                "them. One that is an https address has to be where your app’s own document is, "
                "and stand in that document."
            ),
            _(
                "The page was incomplete or too old: users who took more than an hour, or came "
                "back by a bookmark, begin once more in your app."
            ),
        ),
    ),
    "invalid_client": Explanation(
        _(
            "The client could not be authenticated: it is unknown, or its secret or method is "
            "wrong."
        ),
        (
            _(
                "The client_id is unknown: compare it with the operator’s. Test and live systems "
                "have different ones."
            ),
            _(
                "The method is another than the app’s token_endpoint_auth_method. With a client "
                "secret, id and secret go in the Authorization header (client_secret_basic) or in "
                "the body (client_secret_post); both work unless error_description says "
                "otherwise. With none there is no secret. Set the one that error_description names."
            ),
            _(
                "The secret is wrong: copy it once more, without spaces or a line break at its "
                "end, and look whether the app’s environment really has it. In the header, id and"
                " secret are percent-encoded before base64 (RFC 6749 §2.3.1), or as they are."
            ),
            _("The secret has expired: ask the operator for a new one."),
            _(
                "With private_key_jwt or client_secret_jwt: iss and sub are the client_id, aud is"
                " our issuer, exp is a few minutes ahead, and jti is new each time. Use a key and"
                " an algorithm that are registered."
            ),
            _(
                "With tls_client_auth or self_signed_tls_client_auth: send client_id, to an "
                "address of mtls_endpoint_aliases if discovery has them, over a connection with "
                "the certificate that is registered, or that has the registered name."
            ),
            _(
                "With a token of Kubernetes, GitHub or SPIFFE: send client_id beside it. Its "
                "issuer, subject and audience are those that the operator named for your app, "
                "character by character; it has not expired, and lives no longer than they allow."
            ),
            _(
                "Too many wrong secrets came from your address (429): stop what sends them, and "
                "wait as many seconds as Retry-After says. The right secret is never refused."
            ),
        ),
    ),
    "invalid_grant": Explanation(
        _(
            "The code or refresh token is not valid: expired, used before, revoked, or another "
            "client’s."
        ),
        (
            _(
                "It was used before: a code works once. Look for a second request of the same "
                "code, such as a reloaded callback page or a library that tries again. A second "
                "use also revokes what the first gave."
            ),
            _("It has expired: a code lives for a minute. Exchange it as soon as it arrives."),
            _("The redirect_uri differs: send the very one of the authorization request."),
            _(
                "The code_verifier does not belong: keep it with the browser’s session, together "
                "with state, and send the one whose challenge began this sign-in. Two tabs need "
                "two."
            ),
            _(
                "A refresh token was used before: each works once. Store the new one that every "
                "refresh gives before you use its access token, and let only one process refresh "
                "at a time."
            ),
            _(
                "The user has signed out, or the authorization has been revoked: send them "
                "through the authorization endpoint again. To go on without them, ask for "
                "offline_access."
            ),
            _("The user may not use your app any more: tell them to ask the operator."),
            _(
                "A device_code is another client’s, or was redeemed before: it gives tokens once. "
                "Begin anew at the device authorization endpoint."
            ),
            _(
                "An ID token or a device secret that you exchange has ended with the user’s "
                "session, or is another app’s: send the user to sign in again."
            ),
            _(
                "An assertion about a user (jwt-bearer): its issuer is one that the operator "
                "trusts for your app, aud is our issuer, exp is not far ahead, and jti is new each "
                "time. Its user is linked here, or has a verified address of the issuer’s."
            ),
        ),
    ),
    "unauthorized_client": Explanation(
        _("The client is not registered for this grant type or response type."),
        (
            _(
                "Compare the grant_type or response_type that your library sends with those of "
                "your app’s registration. For signing users in they are authorization_code and "
                "code."
            ),
            _("For refresh tokens the registration needs the grant type refresh_token, too."),
            _("Ask the operator to register what is missing."),
            _("At the introspection endpoint: only a client with a secret may ask."),
        ),
    ),
    "unsupported_grant_type": Explanation(
        _("This provider does not know the grant type."),
        (
            _(
                "Look for a spelling mistake: grant_type is authorization_code, refresh_token or "
                "client_credentials."
            ),
            _(
                "Compare it with grant_types_supported in discovery. The password grant, for one,"
                " is not there: send the user through the authorization endpoint."
            ),
        ),
    ),
    "authorization_pending": Explanation(
        _("The user has not decided yet about the code that your device shows."),
        (
            _(
                "Expect it: wait for the interval of the response of the device authorization "
                "endpoint, in seconds, and poll again with the same device_code."
            ),
            _("Go on until you get tokens, access_denied or expired_token, or expires_in is over."),
            _(
                "Show the code and the address all the time, and the QR code of "
                "verification_uri_complete beside them if you can draw one."
            ),
        ),
    ),
    "slow_down": Explanation(
        _("The user has not decided yet, and your device polls too often."),
        (
            _("Wait 5 seconds longer between two polls from now on, for this device_code."),
            _("Let only one loop of your program poll for a device_code."),
        ),
    ),
    "expired_token": Explanation(
        _("The device_code has expired before it was redeemed."),
        (
            _(
                "Ask the device authorization endpoint for another one, and show its code: best "
                "when the user asks for it, not in a loop."
            ),
            _("Poll until the end: an approved code expires, too, if it is not redeemed in time."),
        ),
    ),
    "invalid_scope": Explanation(
        _("The scopes asked for cannot be granted to this client, or not now."),
        (
            _(
                "In an authorization request: ask for openid at least, the scopes separated by "
                "spaces."
            ),
            _(
                "With a resource: ask for scopes of that API. Apps that registered themselves get "
                "those that its operator opened to them."
            ),
            _(
                "With a refresh token: ask for no more than was granted at first, or leave scope "
                "out."
            ),
            _(
                "With client_credentials: ask for the scopes of APIs only. Those of users, such "
                "as profile, are nothing that a client has for itself."
            ),
            _("With resource: ask for a scope of that API."),
            _("Ask the operator which scopes your app is registered for."),
        ),
    ),
    "invalid_authorization_details": Explanation(
        _("The authorization details are unreadable, invalid, or more than the client may have."),
        (
            _(
                "Send a JSON array of objects with a type each, and only the fields that the "
                "type’s JSON Schema names."
            ),
            _("Ask the operator which types of authorization details your app is registered for."),
            _("At the token endpoint, name only details that were granted, exactly as they were."),
        ),
    ),
    "invalid_target": Explanation(
        _(
            "The resource is not an API known here, or not one this authorization is for. RFC "
            "8707 §2."
        ),
        (
            _(
                "Send the API’s identifier exactly as the operator registered it, a slash at its "
                "end included."
            ),
            _("At the token endpoint, name only resources that the authorization request named."),
            _(
                "When you exchange a token, name one API or connected application that the "
                "operator allows your app: resource or audience, and for an ID-JAG the issuer "
                "as audience."
            ),
            _(
                "If several APIs want different tokens, ask for one at a time: refresh once for "
                "each."
            ),
            _(
                "An app with high security gets JWTs for an API only if they are signed with "
                "PS256, ES256 or EdDSA: ask the operator to choose one for the API."
            ),
        ),
    ),
    "access_denied": Explanation(
        _("The user said no, or apps cannot be registered in this way."),
        (
            _(
                "After a sign-in, treat it as an answer, not as a fault: say that the user is not"
                " signed in, and offer to try again."
            ),
            _(
                "If many say no, ask for fewer scopes, or ask later, when it is plain what they "
                "are for."
            ),
            _(
                "The user is in none of the groups that the operator admits to your app: say so, "
                "and whom to ask. Another account of theirs may be allowed."
            ),
            _("Your app has been disabled meanwhile: ask the operator."),
            _(
                "At the registration endpoint: ask the operator for an initial access token, or "
                "to register the app. After too many registrations from your address (429), wait "
                "a minute."
            ),
        ),
    ),
    "unsupported_response_type": Explanation(
        _("This provider does not know the response type."),
        (
            _("Send response_type=code, and exchange the code at the token endpoint."),
            _(
                "If your library sends token or id_token, switch it to the authorization code "
                "flow with PKCE."
            ),
        ),
    ),
    "server_error": Explanation(
        _("Something failed here, at the provider."),
        (
            _("Try again in a moment."),
            _("If it fails again, tell the operator the reference."),
        ),
    ),
    "temporarily_unavailable": Explanation(
        _("The provider is too busy for what this request needs, or has just tried it in vain."),
        (
            _(
                "Try again after the seconds that Retry-After names, where it is there, else "
                "after a few."
            ),
            _(
                "If it comes again and again: the request needs something of your app fetched "
                "(jwks_uri, request_uri, sector_identifier_uri, the document at its client_id). "
                "Serve that within a second. A host that did not answer in time is left alone for"
                " half a minute."
            ),
            _(
                "A request_uri is fetched each time unless its fragment is the hash of its "
                "content: use one."
            ),
        ),
    ),
    "login_required": Explanation(
        _("The user has to sign in, and the request forbade showing a page (prompt=none)."),
        (
            _(
                "Expect it: with prompt=none it means no more than that no user is signed in. "
                "Send the user again without prompt=none when they choose to sign in."
            ),
            _(
                "The sign-in is too old: max_age, or your app’s default_max_age, asks for a newer"
                " one. Send them again without prompt=none."
            ),
            _(
                "The id_token_hint is of another user: they have changed accounts. Sign them out "
                "of your app and begin anew without the hint."
            ),
            _(
                "In an iframe: browsers keep our cookie from frames of other sites. Use a whole "
                "page."
            ),
        ),
    ),
    "account_selection_required": Explanation(
        _("Several users are signed in at the browser, and prompt=none forbade asking which one."),
        (
            _("Send them once without prompt=none; they choose on a page of ours."),
            _("Send an id_token_hint only of the user who is signed in at your app."),
        ),
    ),
    "consent_required": Explanation(
        _("The user has to agree first, and the request forbade showing a page (prompt=none)."),
        (
            _("Send them once without prompt=none; what they agree to is remembered."),
            _("A scope is new: they are asked again for what they have not agreed to before."),
        ),
    ),
    "interaction_required": Explanation(
        _(
            "The user has to do something first, and the request forbade showing a page "
            "(prompt=none)."
        ),
        (
            _(
                "Your app asks for more than a password, and the present sign-in did not have it."
                " Send them again without prompt=none: they are asked for what is missing."
            ),
        ),
    ),
    "unmet_authentication_requirements": Explanation(
        _("The user cannot be authenticated as the request calls essential."),
        (
            _(
                "Compare the essential acr values of your claims parameter with "
                "acr_values_supported in discovery."
            ),
            _(
                "The user has no second factor or passkey: ask them to set one up in their account,"
                " and send them again."
            ),
            _(
                "If you can do with less, send acr_values instead: a wish, never an error. The ID"
                " token’s acr says what was reached."
            ),
        ),
    ),
    "invalid_request_object": Explanation(
        _("The request object is not signed by its client, or is not one for us and for now."),
        (
            _(
                "Sign it with a key that is registered for your app (jwks, jwks_uri), by the "
                "algorithm that is registered (request_object_signing_alg). Unsigned ones are "
                "never accepted."
            ),
            _(
                "Let iss be your client_id and aud our issuer, and let it expire (exp) in a few "
                "minutes."
            ),
            _("Outside of it, client_id and response_type have to be the same as inside."),
            _(
                "If it is encrypted, register request_object_encryption_alg, sign before you "
                "encrypt, and take the key with use=enc from our jwks_uri."
            ),
        ),
    ),
    "invalid_request_uri": Explanation(
        _("The request object could not be fetched from the request_uri."),
        (
            _("Register the address in request_uris, exactly as you send it."),
            _(
                "Serve it over https, without a redirect, within two seconds, as "
                "application/oauth-authz-req+jwt or application/jwt, and no larger than 64 KiB."
            ),
            _("Pushed authorization requests are not offered: send the parameters themselves."),
        ),
    ),
    "registration_not_supported": Explanation(
        _("The registration parameter is not supported."),
        (_("Leave it out, and let the operator register the app."),),
    ),
    "invalid_redirect_uri": Explanation(
        _("One of the redirect URIs cannot be registered. RFC 7591 §3.2.2."),
        (
            _(
                "A website’s starts with https://, or with http:// on the developer’s own "
                "machine; a native app may have a custom scheme that is a domain name in reverse."
            ),
            _("None has a fragment (what follows a #) or a wildcard."),
            _("With an initial access token, its host may have to be one that the token names."),
        ),
    ),
    "invalid_client_metadata": Explanation(
        _("A member of the client’s metadata cannot be registered. RFC 7591 §3.2.2."),
        (
            _("Look at the member that the description names, and at its type."),
            _(
                "Compare its value with discovery, which lists what is offered. What is not is "
                "refused rather than left out where the client would rely on it; members that are"
                " not known are ignored."
            ),
            _(
                "grant_types and response_types have to go together, and to be open to "
                "registration here."
            ),
        ),
    ),
    "invalid_software_statement": Explanation(
        _("The software statement has a wrong signature, time or audience. RFC 7591 §3.2.2."),
        (
            _("Send it exactly as its issuer gave it to you."),
            _("If it has expired, or is meant for another provider, ask its issuer for a new one."),
            _("Where its issuer’s keys could not be had, try again in a minute."),
        ),
    ),
    "unapproved_software_statement": Explanation(
        _("Software statements of this issuer are not accepted here. RFC 7591 §3.2.2."),
        (
            _(
                "Send the metadata itself, and an initial access token if the operator gave you "
                "one."
            ),
            _("Or ask the operator to name the statement’s issuer."),
        ),
    ),
    "invalid_token": Explanation(
        _(
            "The token is expired, revoked, malformed, used up, or its session has ended. RFC "
            "6750 §3.1."
        ),
        (
            _(
                "It has expired: compare with expires_in. Use the refresh token, or send the user"
                " through the authorization endpoint again."
            ),
            _(
                "It is unknown: send the access_token of the token response as it is; not the ID "
                "token, not the code, and nothing of another provider."
            ),
            _(
                "It is bound to a key (DPoP): send it with the scheme DPoP and a proof of the key "
                "that it was asked for with. A token that is not bound comes with Bearer."
            ),
            _(
                "It is for another API: a token with a resource opens that API alone. Ask for one"
                " without it."
            ),
            _(
                "It is bound to a TLS certificate: send it over a connection with that "
                "certificate, to an address of mtls_endpoint_aliases if discovery has them."
            ),
            _(
                "The user has signed out, or their account or your app has been disabled: sign "
                "them out of your app, too."
            ),
            _(
                "At registration: ask the operator for a new initial access token. A registration"
                " access token is good for its own client alone, as long as that is registered."
            ),
        ),
    ),
    "invalid_dpop_proof": Explanation(
        _(
            "The DPoP proof is missing, cannot be used, or is one for another request. RFC 9449 "
            "§5, §7.1."
        ),
        (
            _(
                "Read error_description: it names the part of the proof. Make a new proof for each "
                "request, since its jti works once; a request that is repeated needs another one."
            ),
            _(
                "htm and htu are the method and the address of this very request, as discovery "
                "names it, without query and fragment: not that of a proxy or a server behind it."
            ),
            _(
                "iat is now: compare the clock of the machine that your app runs on. A proof can "
                "be used for a minute."
            ),
            _(
                "With an access token, ath is the SHA-256 of that token in base64url; the token "
                "comes with the scheme DPoP instead of Bearer."
            ),
            _(
                "typ is dpop+jwt, alg one of those in discovery, and jwk the public key alone. A "
                "private key that was sent is known to others: use another."
            ),
        ),
    ),
    "use_dpop_nonce": Explanation(
        _("DPoP proofs need a nonce of this provider, which changes. RFC 9449 §8, §9."),
        (
            _(
                "Send the request once more, with a new proof whose nonce is what the DPoP-Nonce "
                "header of this response has. Libraries do so by themselves."
            ),
            _("Keep the nonce of the newest response, and use it in each proof from then on."),
        ),
    ),
    "insufficient_scope": Explanation(
        _("The access token is good, but was not granted the scope this needs. RFC 6750 §3.1."),
        (
            _(
                "Ask for the scope that WWW-Authenticate names in the authorization request; "
                "UserInfo needs openid."
            ),
            _("Compare with scope in the token response: it says what was granted."),
        ),
    ),
    "insufficient_user_authentication": Explanation(
        _("The access token is good, but its user did not sign in as this needs. RFC 9470 §3."),
        (
            _(
                "Send the user through the authorization endpoint again, with the acr_values and "
                "max_age that WWW-Authenticate names, and use the new token."
            ),
            _("A refresh does not help: it goes back to the same sign-in."),
        ),
    ),
    "unknown_user_id": Explanation(
        _(
            "The login_hint of a request that a user signs in elsewhere (CIBA) can name no user. "
            "OIDC CIBA §13."
        ),
        (
            _("Send an email address, or the sub that your app knows the user by."),
            _(
                "An address that nobody has is no error: nobody is asked, and the request expires. "
                "Otherwise apps could find out who has an account."
            ),
        ),
    ),
    "invalid_binding_message": Explanation(
        _("The binding_message can’t be shown to a user. OIDC CIBA §13."),
        (
            _("Send at most 100 characters that a user can compare at a glance, such as W4SCT."),
            _(
                "Use letters, digits, spaces and usual punctuation: no markup, no line breaks, and "
                "nothing that looks like an address."
            ),
        ),
    ),
}

#: Explanations of causes that have a page of their own (`ProtocolError.cause`).
CAUSES: dict[str, Explanation] = {
    "pkce_required": Explanation(
        _(
            "The app sent a user here without PKCE, which makes a stolen code useless to others. "
            "The parameter code_challenge is missing."
        ),
        (
            _(
                "Switch PKCE on in the app, with the method S256. Its settings call it PKCE, proof "
                "key, code challenge or S256."
            ),
            _(
                "In Authlib, Superset and Airflow: code_challenge_method: S256 in client_kwargs. "
                "In oauth2-proxy: code-challenge-method S256. In pgAdmin: OAUTH2_CHALLENGE_METHOD "
                "S256. In Spring Security: requireProofKey. In mozilla-django-oidc: "
                "OIDC_USE_PKCE. In Grafana: use_pkce. In mod_auth_openidc: OIDCPKCEMethod S256. In "
                "Quarkus: pkce-required."
            ),
            _(
                "An app with a secret may send a nonce instead, with the scope openid: new for "
                "each sign-in, kept with the browser’s session, and compared with the nonce of "
                "the ID token. Without the comparison it protects nothing."
            ),
            _(
                "The app can do neither: ask the operator for the profile compatible, which needs "
                "neither of an app with a secret."
            ),
            _(
                "The app does send it: look whether a proxy or a link on the way leaves it out of "
                "the address."
            ),
        ),
    ),
}
