"""Tokens good and bad, checked by a verifier of its own: the signature primitives and nothing else."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from accredit.dev.keyring import Keyring
from accredit.dev.keys import ALGORITHMS, SigningKey, b64url
from accredit.dev.mint import (
    access_token_claims,
    compact,
    forged,
    mint,
    signed_with_public_key,
    tampered,
    unsigned,
)

KEYS = {algorithm: SigningKey.generate(algorithm) for algorithm in ALGORITHMS}
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CLAIMS = access_token_claims(
    issuer="https://i.test",
    client="c",
    audience="https://a.test",
    now_s=1000,
    scope="a b",
)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def read(token: str) -> tuple[dict[str, object], dict[str, object]]:
    header, payload, _ = token.split(".")
    return json.loads(decoded(header)), json.loads(decoded(payload))


def verify(jwk: dict[str, str], algorithm: str, token: str) -> None:
    """Verifies by the public JWK alone; raises `InvalidSignature`."""
    message, _, encoded = token.rpartition(".")
    signature, signed = decoded(encoded), message.encode()
    number = {name: int.from_bytes(decoded(jwk[name]), "big") for name in "nexy" if name in jwk}
    if jwk["kty"] == "OKP":
        ed25519.Ed25519PublicKey.from_public_bytes(decoded(jwk["x"])).verify(signature, signed)
        return
    digest = HASHES[algorithm[2:]]
    if jwk["kty"] == "EC":
        curve = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[
            jwk["crv"]
        ]
        half = (curve.key_size + 7) // 8
        assert len(signature) == 2 * half
        pair = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        public = ec.EllipticCurvePublicNumbers(number["x"], number["y"], curve).public_key()
        public.verify(encode_dss_signature(*pair), signed, ec.ECDSA(digest))
        return
    scheme = (
        padding.PSS(padding.MGF1(digest), digest.digest_size)
        if algorithm.startswith("PS")
        else padding.PKCS1v15()
    )
    rsa.RSAPublicNumbers(number["e"], number["n"]).public_key().verify(
        signature,
        signed,
        scheme,
        digest,
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_verifies_by_the_published_key(algorithm: str) -> None:
    key = KEYS[algorithm]
    token = mint(key, CLAIMS)
    jwk = key.public_jwk()
    verify(jwk, algorithm, token)
    assert read(token) == ({"alg": algorithm, "typ": "at+jwt", "kid": key.kid}, CLAIMS)
    assert (jwk["kid"], jwk["alg"], jwk["use"]) == (key.kid, algorithm, "sig")
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & jwk.keys()
    assert "=" not in token


def test_the_claims_are_those_of_rfc_9068() -> None:
    assert {
        "iss": "https://i.test", "sub": "c", "client_id": "c", "aud": "https://a.test", "iat": 1000,
        "exp": 1300, "jti": CLAIMS["jti"], "scope": "a b",
    } == CLAIMS  # fmt: skip
    several = access_token_claims(
        issuer="i",
        client="c",
        audience=("a", "b"),
        now_s=0,
        subject="s",
        lifetime_s=5,
    )
    assert (several["aud"], several["sub"], several["exp"]) == (["a", "b"], "s", 5)
    assert "scope" not in several
    assert several["jti"] != CLAIMS["jti"]


def test_header_members_are_changed_and_left_out() -> None:
    token = mint(KEYS["ES256"], CLAIMS, header={"kid": None, "typ": "JWT", "crit": ["b64"]})
    assert read(token)[0] == {"alg": "ES256", "typ": "JWT", "crit": ["b64"]}
    raw = mint(KEYS["ES256"], b'{"iss":1,"iss":2}')
    assert decoded(raw.split(".")[1]) == b'{"iss":1,"iss":2}'
    assert compact(b"{}", b"[]", b"\xff") == "e30.W10._w"


def test_bad_tokens_are_bad_in_the_way_their_name_says() -> None:
    key, other = KEYS["RS256"], SigningKey.generate("RS256")
    token = mint(key, CLAIMS)
    header, claims = read(unsigned(token, algorithm="nOnE"))
    assert (header["alg"], header["kid"], claims) == ("nOnE", key.kid, CLAIMS)
    assert unsigned(token).endswith(".")

    changed = tampered(token, claims={"scope": "admin"})
    assert read(changed)[1]["scope"] == "admin"
    assert changed.rpartition(".")[2] == token.rpartition(".")[2]
    with pytest.raises(InvalidSignature):
        verify(key.public_jwk(), "RS256", changed)

    fake = forged(token, other)
    assert read(fake)[0]["kid"] == key.kid
    verify(other.public_jwk(), "RS256", fake)
    with pytest.raises(InvalidSignature):
        verify(key.public_jwk(), "RS256", fake)

    confused = signed_with_public_key(token, key, algorithm="HS384")
    message, _, signature = confused.rpartition(".")
    pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert decoded(signature) == hmac.new(pem, message.encode(), hashlib.sha384).digest()
    assert read(confused)[0] == {"alg": "HS384", "typ": "at+jwt", "kid": key.kid}


def test_an_algorithm_that_cannot_sign_is_refused() -> None:
    for algorithm in ("none", "HS256", "Ed448", "rs256", ""):
        with pytest.raises(ValueError, match="cannot be signed with"):
            SigningKey.generate(algorithm)
    with pytest.raises(ValueError, match="cannot sign"):
        SigningKey("a", "HS256", KEYS["RS256"].private).sign(b"")


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    # RFC 8037, appendix A.1 and A.3.
    secret = decoded("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
    key = SigningKey("a", "Ed25519", ed25519.Ed25519PrivateKey.from_private_bytes(secret))
    assert key.public_jwk()["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert key.thumbprint() == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert b64url(b"\xfb\xff") == "-_8"


def test_no_representation_shows_a_private_key() -> None:
    assert "private" not in repr(KEYS["ES256"])


def test_a_rotated_key_stands_in_the_set_for_its_time() -> None:
    now_s = 0.0
    ring = Keyring(["ES256", "Ed25519"], monotonic_s=lambda: now_s)
    first = {key["kid"] for key in ring.jwks()["keys"]}
    assert ring.key().algorithm == "ES256"
    ring.rotate(keep_s=10)
    second = {key["kid"] for key in ring.jwks()["keys"]} - first
    assert len(second) == 2
    assert ring.key("Ed25519").kid in second
    now_s = 9.9
    assert {key["kid"] for key in ring.jwks()["keys"]} == first | second
    now_s = 10
    assert {key["kid"] for key in ring.jwks()["keys"]} == second
    ring.rotate(keep_s=10)
    ring.rotate()
    assert len(ring.jwks()["keys"]) == 2
    assert not {key["kid"] for key in ring.jwks()["keys"]} & (first | second)


def test_a_keyring_needs_algorithms_it_can_sign_with() -> None:
    with pytest.raises(ValueError, match="needs an algorithm"):
        Keyring([])
    with pytest.raises(ValueError, match="HS256"):
        Keyring(["HS256"])
    with pytest.raises(KeyError):
        Keyring(["ES256"]).key("RS256")
