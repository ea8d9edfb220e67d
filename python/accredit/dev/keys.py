"""Signing keys of the dev issuer, one for each algorithm (RFC 7518, RFC 8037, RFC 9864)."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

__all__ = ["ALGORITHMS", "PrivateKey", "SigningKey", "b64url"]

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key that signs by one algorithm.

    Attributes:
        kid: Its name in headers and in the key set.
        algorithm: One of `ALGORITHMS`.
        private: The key itself.
    """

    kid: str
    algorithm: str
    private: PrivateKey = field(repr=False)

    @classmethod
    def generate(cls, algorithm: str, *, kid: str | None = None) -> "SigningKey":
        """Makes a new key.

        Args:
            algorithm: One of `ALGORITHMS`.
            kid: By default the algorithm and random bits.

        Raises:
            ValueError: The algorithm is not one of them.
        """
        if algorithm not in _MAKERS:
            known = ", ".join(ALGORITHMS)
            raise ValueError(f"`{algorithm}` cannot be signed with; algorithms that can: {known}")
        name = kid or f"{algorithm.lower()}-{secrets.token_hex(4)}"
        return cls(name, algorithm, _MAKERS[algorithm]())

    def sign(self, message: bytes) -> bytes:
        """Signs as JWS does: ECDSA as R and S of fixed length (RFC 7518, section 3.4)."""
        digest = _DIGESTS.get(self.algorithm)
        match self.private:
            case ed25519.Ed25519PrivateKey() as key:
                return key.sign(message)
            case ec.EllipticCurvePrivateKey() as key if digest is not None:
                r, s = decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
                length = (key.curve.key_size + 7) // 8
                return r.to_bytes(length, "big") + s.to_bytes(length, "big")
            case rsa.RSAPrivateKey() as key if digest is not None:
                if self.algorithm.startswith("PS"):
                    salted = padding.PSS(padding.MGF1(digest), digest.digest_size)
                    return key.sign(message, salted, digest)
                return key.sign(message, padding.PKCS1v15(), digest)
        raise ValueError(f"a key of this type cannot sign with `{self.algorithm}`")

    def public_jwk(self) -> dict[str, str]:
        """Returns the public key as a JWK (RFC 7517) with `kid`, `alg` and `use`."""
        return {**self._material(), "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def thumbprint(self) -> str:
        """Returns the SHA-256 thumbprint (RFC 7638)."""
        text = json.dumps(self._material(), sort_keys=True, separators=(",", ":"))
        return b64url(hashlib.sha256(text.encode()).digest())

    def _material(self) -> dict[str, str]:
        match self.private:
            case rsa.RSAPrivateKey() as key:
                public = key.public_key().public_numbers()
                return {"kty": "RSA", "n": _number(public.n), "e": _number(public.e)}
            case ec.EllipticCurvePrivateKey() as key:
                point = key.public_key().public_numbers()
                length = (key.curve.key_size + 7) // 8
                return {
                    "kty": "EC",
                    "crv": _CURVES[key.curve.name],
                    "x": b64url(point.x.to_bytes(length, "big")),
                    "y": b64url(point.y.to_bytes(length, "big")),
                }
            case ed25519.Ed25519PrivateKey() as key:
                raw = key.public_key().public_bytes_raw()
                return {"kty": "OKP", "crv": "Ed25519", "x": b64url(raw)}


def b64url(data: bytes) -> str:
    """Returns base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return b64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _rsa() -> PrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


_MAKERS: Final[Mapping[str, Callable[[], PrivateKey]]] = MappingProxyType(
    {
        **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), _rsa),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
    }
)
ALGORITHMS: Final = tuple(_MAKERS)
"""Every algorithm that a key can be made for."""
_DIGESTS: Final[Mapping[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    f"{family}{bits}": digest
    for family in ("RS", "PS", "ES")
    for bits, digest in ((256, hashes.SHA256()), (384, hashes.SHA384()), (512, hashes.SHA512()))
}
_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
