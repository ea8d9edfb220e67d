"""Keys that are made in memory and tokens that they sign, to try a catalogue with.

Nothing here leaves the process: a key lives as long as the run that made it.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_RSA_BITS: Final = 2_048
_RSA_EXPONENT: Final = 65_537
_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
# RFC 7518, section 3.4: the name of the curve and the bytes of a coordinate.
_CURVES: Final[Mapping[str, tuple[ec.EllipticCurve, str, int]]] = {
    "256": (ec.SECP256R1(), "P-256", 32),
    "384": (ec.SECP384R1(), "P-384", 48),
    "512": (ec.SECP521R1(), "P-521", 66),
}

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Signer:
    """The signing keys of one issuer: one of each kind that its algorithms need.

    Args:
        algorithms: JWS names, such as RS256, ES256 or Ed25519.
    """

    def __init__(self, algorithms: tuple[str, ...]) -> None:
        self._keys = {kind: _make(kind) for kind in dict.fromkeys(map(_kind, algorithms))}

    def jwks(self) -> bytes:
        """Returns the public halves as a JWK set (RFC 7517, section 5)."""
        return json.dumps({"keys": [_jwk(kind, key) for kind, key in self._keys.items()]}).encode()

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any], algorithm: str) -> str:
        """Returns a compact JWS (RFC 7515, section 7.1).

        `alg` and `kid` are filled in; a member of `header` replaces them, and None takes one away.

        Raises:
            ValueError: There is no key for the algorithm.
        """
        kind = _kind(algorithm)
        if kind not in self._keys:
            msg = f"there is no key for {algorithm}; name one of the issuer's algorithms"
            raise ValueError(msg)
        whole = {"alg": algorithm, "kid": kind, **header}
        kept = {name: value for name, value in whole.items() if value is not None}
        signed = f"{_encode(_json(kept))}.{_encode(_json(claims))}"
        return f"{signed}.{_encode(_sign(self._keys[kind], algorithm, signed.encode()))}"


def _kind(algorithm: str) -> str:
    """Returns the name of the key that an algorithm is used with; it is the `kid` as well."""
    if algorithm[:2] in {"RS", "PS"}:
        return "rsa"
    if algorithm in {"Ed25519", "EdDSA"}:
        return "ed25519"
    return f"ec-{algorithm[2:]}"


def _make(kind: str) -> _Key:
    if kind == "rsa":
        return rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(_CURVES[kind.removeprefix("ec-")][0])


def _jwk(kind: str, key: _Key) -> dict[str, str]:
    common = {"kid": kind, "use": "sig"}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        n, e = numbers.n, numbers.e
        size = (n.bit_length() + 7) // 8
        return {**common, "kty": "RSA", "n": _encode(n.to_bytes(size)), "e": _encode(e.to_bytes(3))}
    if isinstance(key, ed25519.Ed25519PrivateKey):
        x = key.public_key().public_bytes_raw()
        return {**common, "kty": "OKP", "crv": "Ed25519", "x": _encode(x)}
    _, curve, size = _CURVES[kind.removeprefix("ec-")]
    point = key.public_key().public_numbers()
    x_y = {"x": _encode(point.x.to_bytes(size)), "y": _encode(point.y.to_bytes(size))}
    return {**common, "kty": "EC", "crv": curve, **x_y}


def _sign(key: _Key, algorithm: str, message: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    digest = _HASHES[algorithm[2:]]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = _CURVES[algorithm[2:]][2]
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
        return r.to_bytes(size) + s.to_bytes(size)
    if algorithm.startswith("PS"):
        salted = padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)
        return key.sign(message, salted, digest)
    return key.sign(message, padding.PKCS1v15(), digest)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
