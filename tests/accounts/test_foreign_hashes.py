"""Password hashes of other software verify here, and are replaced at the first sign-in.

No vector is ours: each is published, or made by the software that the comment names.
"""

import json
import re
from typing import Any

import bcrypt
import pytest
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    BCryptPasswordHasher,
    BCryptSHA256PasswordHasher,
    PBKDF2PasswordHasher,
    PBKDF2SHA1PasswordHasher,
    ScryptPasswordHasher,
    verify_password,
)

from accounts.foreign_hashes import stored_form
from accounts.models import User
from idp.declaration import apply
from tests.relying_party import Browser, EndUser, is_page, unique
from tests.secrecy import used

HOME = "/account/"


def keycloak(algorithm: str, iterations: int, salt: str, value: str, **more: list[str]) -> str:
    """Write a credential as Keycloak's realm exports have it."""
    data = {"hashIterations": iterations, "algorithm": algorithm, "additionalParameters": more}
    secret = {"value": value, "salt": salt, "additionalParameters": {}}
    texts = {"credentialData": json.dumps(data), "secretData": json.dumps(secret)}
    return json.dumps({"type": "password", "userLabel": "My password", **texts})


def of_keycloak_argon2(**changes: list[str]) -> str:
    more = {"hashLength": ["32"], "memory": ["7168"], "type": ["id"], "version": ["1.3"]}
    return keycloak(
        "argon2",
        5,
        "Cf9AYCE5pAbb4CKEF0GUTA==",
        "BruFLfFkjH/8erZ26NnrbkOrWiZuQyDRCHD9o0R6Scg=",
        **{**more, "parallelism": ["1"], **changes},
    )


#: The parameters, the user and the password in the README of firebase/scrypt.
FIREBASE = {
    "passwordHash": "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JA"
    "dRuid5lQ==",
    "salt": "42xEC+ixf3L2lw==",
    "hash_config": {
        "algorithm": "SCRYPT",
        "base64_signer_key": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsE"
        "mYUSDzZvpjeJ9WmXA==",
        "base64_salt_separator": "Bw==",
        "rounds": 8,
        "mem_cost": 14,
    },
}
HORSE = "correct horse"
#: Of `openssl passwd -6 -salt abcdefgh "correct horse"`.
OF_OPENSSL = (
    "$6$abcdefgh$yIZAF3gQPvtKZO/9qOJKffAKKbtS3ef3qmwyugk4uWVjX8YZf/GV3A8SkFxEPY0T56CcilGrHKLffBsp6d"
    "LMG."
)
#: Perl's Digest::SHA, in the form of OpenLDAP.
OF_A_DIRECTORY = "{SSHA}awc/Cj0kafyFd5d8fGn07xoHBJJzYWx0c2FsdA=="
MD5_CRYPT = "$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80"  # openssl passwd -1
APACHE_MD5 = "$apr1$abcdefgh$sIQmFnT1CuEXAsyjuXjUX/"  # openssl passwd -apr1
#: Hashes with their passwords.
KNOWN = [
    # bcrypt: of crypt_blowfish's tests, of PHP's manual, of libxcrypt
    ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    ("$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq", "rasmuslerdorf"),
    ("$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", HORSE),
    ("{BLF-CRYPT}$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2", HORSE),
    # SHA-crypt: of its specification, and of libxcrypt
    ("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"),
    ("$5$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/", HORSE),
    (
        (
            "$6$rounds=2000$saltsaltsalt$wqAeSbRsHoo7uqkXW/WNXtc/mc3n4nirQlGOx22wRUmCVOMjmCdpEkt5vE1HqaV"
            "tyF.k5jkzjfTgsl3aPiGSl/"
        ),
        HORSE,
    ),
    (OF_OPENSSL, HORSE),
    ("{CRYPT}" + OF_OPENSSL, HORSE),
    # OpenLDAP's salted digests
    (OF_A_DIRECTORY, HORSE),
    ("{ssha256}YflVcOMs6k7tbGkQbQNVn6/ehAnUAVltiLPKHBWGi2tzYWx0c2FsdA==", HORSE),
    (
        (
            "{SSHA512}50rsRNBf8j3I5xE+QwaHdFyMhOzITssZ8BB3UxwQ+SI1JKygYm6ZeRYTDuUyFZIIqDonoTuXwB0Z/MAPhg"
            "QCFHNhbHRzYWx0"
        ),
        HORSE,
    ),
    # Argon2: of the README of its reference implementation
    ("$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG", "password"),
    # PBKDF2 in the PHC form: of the tests of a Rust program
    (
        (
            "$pbkdf2-sha512$i=1000,l=64$wTFUK6e9EAKJz3ryC/LcFg$RbAignNapzgmHxLIehyKCWXioWP69kJn1X49nTd/u"
            "/UWT0Ady18jGrubKOZyHRA9KFErMDnxwJaRSmpIUk874A"
        ),
        "password1",
    ),
    # Keycloak: of realm exports that are published, with keys of 32 and 64 bytes
    (of_keycloak_argon2(), "password"),
    (
        keycloak(
            "pbkdf2-sha256",
            27500,
            "AGHjXoWftkFxnk/dcZRNnA==",
            "9qur72LAICdhFeb2SpkJt2jbOYaxJ44g9T+E7bmJXxI=",
        ),
        "user1",
    ),
    (
        keycloak(
            "pbkdf2-sha256",
            27500,
            "H1Yjwf5UUIip/deJSkNJ+Q==",
            "gI7lGJLNUQfn6xcMUtLp0XnOIF3JdaoAj8IogosYZsDg4Q5cFxG5JkJrKZpR7mIG5MxlH346ikZKsiZovvFKDQ==",
        ),
        "user1",
    ),
    # ... and keys of Node.js (crypto.pbkdf2Sync) in its form, for SHA-512 and SHA-1
    (
        keycloak(
            "pbkdf2-sha512",
            30000,
            "c2FsdHNhbHRzYWx0c2FsdA==",
            "B4yq6l1d1m5P8nNRcjMlbjgBDNCPFniIN89+M4t8gKIv4JPsfpNO64hod6Uq2xtWyVFuHN8+KuW/R7C/CCRyyg==",
        ),
        HORSE,
    ),
    (
        keycloak(
            "pbkdf2",
            20000,
            "c2FsdHNhbHRzYWx0c2FsdA==",
            "2TZ1RBT3rPuDaN+t7RmUJdYrM1RemWwyA7dwfSILP3t92z05IcA307aRgx6nHre0yxCvWgGJScxqLrkF8n1PNg==",
        ),
        HORSE,
    ),
    (json.dumps(FIREBASE), "user1password"),
]


class OfDjango(PBKDF2PasswordHasher):
    iterations = 1000


class OfDjangoSHA1(PBKDF2SHA1PasswordHasher):
    iterations = 1000


def made_by_django() -> list[str]:
    """Return hashes of HORSE by Django's own hashers."""
    plain = (OfDjango(), OfDjangoSHA1(), ScryptPasswordHasher(), Argon2PasswordHasher())
    of_bcrypt: Any = (BCryptPasswordHasher(), BCryptSHA256PasswordHasher())
    return [
        *(hasher.encode(HORSE, "seasalt12") for hasher in plain),
        *(hasher.encode(HORSE, bcrypt.gensalt(4)) for hasher in of_bcrypt),
    ]


def test_hashes_that_others_made_verify(settings: Any) -> None:
    settings.IDP_ALLOW_MD5_CRYPT = True
    allowed = [(MD5_CRYPT, HORSE), (APACHE_MD5, HORSE)]
    of_django = [(text, HORSE) for text in made_by_django()]
    for text, password in [*KNOWN, *allowed, *of_django]:
        stored = stored_form(text)
        assert len(stored) <= User._meta.get_field("password").max_length
        assert verify_password(password, stored) == (True, True), text
        assert verify_password(f"{password}x", stored)[0] is False, text


def test_bcrypt_reads_as_many_bytes_as_elsewhere() -> None:
    # libxcrypt gives the same hash for 72 letters and for more.
    hashed = bcrypt.hashpw(b"a" * 72, b"$2b$04$abcdefghijklmnopqrstuu").decode()
    stored = stored_form(hashed)
    assert verify_password("a" * 80, stored)[0]
    assert not verify_password("a" * 71, stored)[0]
    assert not verify_password(f"{'a' * 72}\0", stored)[0]  # where C ends a text


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


REFUSED = {
    MD5_CRYPT: "IDP_ALLOW_MD5_CRYPT",
    APACHE_MD5: "IDP_ALLOW_MD5_CRYPT",
    "{MD5}XrY7u+Ae7tCTyyK7j1rNww==": "quickly guessed",
    "{SHA}qvTGHdzF6KLavt4PO0gs2a6pQ00=": "quickly guessed",
    "5f4dcc3b5aa765d61d8327deb882cf99": "quickly guessed",
    "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99": "quickly guessed",
    "$P$B12345678L6Lpt4BxNotVIMILOa9u81": "quickly guessed",
    "$y$j9T$saltsalt$IFUVMd9IZg.1qt0VDKUmwCd8zfLLrtDA9mffjiD5skD": "no hash of a known kind",
    "three wise boats": "no hash of a known kind",
    "": "no hash of a known kind",
    # What would cost minutes of a processor, or gigabytes
    "$2b$31$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2": "cost is 31",
    changed(OF_OPENSSL, "$6$", "$6$rounds=999999999$"): "999999999 rounds",
    "$argon2id$v=19$m=8388608,t=1,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG": "too much",
    "$argon2id$v=19$m=65536,t=99999,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG": "too much",
    "$pbkdf2-sha256$i=900000000$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG": "iterations",
    f"pbkdf2_sha256$900000000$salt${'A' * 43}=": "iterations",
    f"scrypt$536870912$salt$8$1${'A' * 86}==": "too much",
    f"scrypt$16384$salt$8$9999${'A' * 86}==": "too much",
    of_keycloak_argon2(memory=["99999999"]): "too much",
    changed(json.dumps(FIREBASE), '"mem_cost": 14', '"mem_cost": 30'): "mem_cost",
    # What was cut or altered
    OF_OPENSSL[:-1]: "not whole",
    OF_A_DIRECTORY[:-16]: "not whole",
    "{SSHA}!": "not base64",
    "$2b$05$short": "not whole",
    "$argon2id$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$Rdes": "shorter",
    f"bcrypt$${'x' * 600}": "not whole",
    of_keycloak_argon2(version=["9"]): "version",
    of_keycloak_argon2(type=[]): "type",
    keycloak("rot13", 1, "AAAA", "AAAA"): "algorithm",
    json.dumps({"type": "otp"}): "no password",
    '{"type": "password"}': "algorithm",
    '{"credentialData": "[]", "secretData": "{}"}': "not a JSON object",
    "{" * 9000: "JSON object",
    json.dumps({**FIREBASE, "hash_config": 1}): "hash_config",
    json.dumps({**FIREBASE, "salt": None}): "salt",
    changed(json.dumps(FIREBASE), "lSrfV15c", ""): "another length",
}


def test_others_are_refused_with_a_reason_that_does_not_show_them() -> None:
    for text, reason in REFUSED.items():
        with pytest.raises(ValueError, match=re.escape(reason)) as refused:
            stored_form(text)
        assert not text or text[:200] not in str(refused.value)


def moved_in(password_hash: str, password: str) -> EndUser:
    """Declare a user with a hash and a subject of elsewhere."""
    used.note(password_hash)
    user = EndUser(f"{unique('moved')}@example.com", password, f"auth0|{unique('U')}")
    entry = {"email": user.email, "email_verified": True, "sub": user.sub}
    apply({"users": [{**entry, "password_hash": password_hash}]}, dry_run=False)
    return user


@pytest.mark.usefixtures("provider")
def test_people_sign_in_with_the_password_they_had_and_its_hash_is_replaced() -> None:
    for text, password in (
        (OF_OPENSSL, HORSE),
        (OF_A_DIRECTORY, HORSE),
        (of_keycloak_argon2(), "password"),
        (json.dumps(FIREBASE), "user1password"),
    ):
        user = moved_in(text, password)
        stored = User.objects.get(email=user.email).password
        assert stored == stored_form(text)
        with Browser() as browser:
            wrong = EndUser(user.email, f"{password}!", user.sub)
            assert not is_page(browser.type_password(wrong), HOME)
            assert User.objects.get(email=user.email).password == stored
            assert is_page(browser.type_password(user), HOME)
        row = User.objects.get(email=user.email)
        assert row.password.startswith("argon2_nfkc$")
        assert row.sub == user.sub
        # The file may be applied again: what they have now stays.
        apply({"users": [{"email": user.email, "password_hash": text}]}, dry_run=False)
        assert User.objects.get(email=user.email).password == row.password
        with Browser() as browser:
            assert is_page(browser.type_password(user), HOME)
