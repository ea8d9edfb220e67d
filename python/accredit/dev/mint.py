"""Makes tokens: right ones, and every wrong one that a test or the demo needs.

Headers and claims are taken as they are given; nothing is checked, corrected or added but what a
docstring says.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from accredit.dev.keys import SigningKey, b64url

__all__ = [
    "access_token_claims",
    "compact",
    "forged",
    "mint",
    "signed_with_public_key",
    "tampered",
    "unsigned",
]


def mint(
    key: SigningKey,
    claims: Mapping[str, object] | bytes,
    *,
    header: Mapping[str, object] | None = None,
) -> str:
    """Signs a token (RFC 7515, section 7.1).

    Args:
        key: Signs.
        claims: The payload; bytes are signed as they are.
        header: Members over `alg`, `kid` and `typ: at+jwt`; a member that is None is left out.
    """
    members = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid, **(header or {})}
    kept = {name: value for name, value in members.items() if value is not None}
    signing_input = _signing_input(kept, claims)
    return f"{signing_input}.{b64url(key.sign(signing_input.encode()))}"


def access_token_claims(
    *,
    issuer: str,
    client: str,
    audience: str | Sequence[str],
    now_s: int,
    scope: str | None = None,
    subject: str | None = None,
    lifetime_s: int = 300,
) -> dict[str, object]:
    """Returns the claims of an access token (RFC 9068, section 2.2).

    Args:
        issuer: The `iss`.
        client: The `client_id`, and the `sub` where none is given.
        audience: One URI, or several.
        now_s: The `iat`, seconds since the epoch.
        scope: Space-separated; left out where None.
        subject: The `sub`.
        lifetime_s: From `iat` to `exp`.
    """
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": subject or client,
        "client_id": client,
        "aud": audience if isinstance(audience, str) else list(audience),
        "iat": now_s,
        "exp": now_s + lifetime_s,
        "jti": secrets.token_urlsafe(16),
    }
    if scope is not None:
        claims["scope"] = scope
    return claims


def compact(
    header: Mapping[str, object] | bytes, claims: Mapping[str, object] | bytes, signature: bytes
) -> str:
    """Joins three parts, whatever they are."""
    return f"{_signing_input(header, claims)}.{b64url(signature)}"


def unsigned(token: str, *, algorithm: str = "none") -> str:
    """Returns the token's claims under `alg: none` and an empty signature (RFC 7519, section 6)."""
    header, payload, _ = _parts(token)
    return compact({**header, "alg": algorithm}, payload, b"")


def tampered(token: str, *, claims: Mapping[str, object]) -> str:
    """Returns the token with other claims under its old signature."""
    _, payload, signature = _parts(token)
    changed = json.dumps({**json.loads(payload), **claims}).encode()
    return f"{token.partition('.')[0]}.{b64url(changed)}.{signature}"


def forged(token: str, key: SigningKey) -> str:
    """Returns the token signed anew by another key under the old `kid`."""
    header, payload, _ = _parts(token)
    return mint(key, payload, header={**header, "alg": key.algorithm})


def signed_with_public_key(token: str, key: SigningKey, *, algorithm: str = "HS256") -> str:
    """Returns the token signed by HMAC with the issuer's public key as the secret.

    A verifier that lets the header choose the algorithm accepts it. The secret is the PEM of the
    key, the form in which most libraries hold it.
    """
    header, payload, _ = _parts(token)
    pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signing_input = _signing_input({**header, "alg": algorithm}, payload)
    signature = hmac.new(pem, signing_input.encode(), _HMAC[algorithm]).digest()
    return f"{signing_input}.{b64url(signature)}"


def _signing_input(
    header: Mapping[str, object] | bytes, claims: Mapping[str, object] | bytes
) -> str:
    return f"{b64url(_bytes(header))}.{b64url(_bytes(claims))}"


def _bytes(part: Mapping[str, object] | bytes) -> bytes:
    return part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()


def _parts(token: str) -> tuple[dict[str, object], bytes, str]:
    header, payload, signature = token.split(".")
    return json.loads(_unb64url(header)), _unb64url(payload), signature


def _unb64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


_HMAC: Final = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
