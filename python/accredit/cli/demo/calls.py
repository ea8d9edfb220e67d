"""The calls of the demo: each with what it must be answered."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from accredit.cli.demo.site import Site
from accredit.cli.ext_authz import Asker
from accredit.dev.mint import forged, signed_with_public_key, tampered, unsigned

__all__ = ["INVOICES", "ORDERS", "Call", "calls"]

HOST: Final = "api.example"
ORDERS: Final = "https://api.example/orders"
INVOICES: Final = "https://api.example/invoices"
ORDER_PATH: Final = "/orders/17"
# Each call is sent so often, over one connection; the table shows the middle time.
_REPEATS: Final = 5


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and the answer that it must get.

    Attributes:
        name: What it is, for people.
        authorization: Values of the Authorization header, as many as are sent.
        decision: `allow` or `deny`.
        reason: The reason code.
        status: The HTTP status that the gateway is told; 200 for an allow.
        method: The method of the request.
        path: Its path.
    """

    name: str
    authorization: tuple[str, ...]
    decision: str = "deny"
    reason: str = ""
    status: int = 401
    method: str = "GET"
    path: str = ORDER_PATH

    def send(self, address: str) -> dict[str, Any]:
        """Sends the call and returns its row.

        Raises:
            ServerError: No answer.
        """
        headers = [("authorization", value) for value in self.authorization]
        with Asker(address) as asker:
            answers = [
                asker.ask(method=self.method, host=HOST, path=self.path, headers=headers)
                for _ in range(_REPEATS + 1)
            ][1:]  # the first one opened the connection
        seen = {("allow" if one.allowed else "deny", one.reason, one.status) for one in answers}
        decision, reason, status = next(iter(seen))
        return {
            "call": self.name,
            "decision": decision,
            "reason": reason,
            "status": status,
            "microseconds": int(median(one.took_us for one in answers)),
            "expected": {
                "decision": self.decision,
                "reason": self.reason,
                "status": self.status,
            },
            "ok": seen == {(self.decision, self.reason, self.status)},
        }


def calls(site: Site) -> list[Call]:
    """Returns every call, with tokens minted now."""
    return [*_allowed(site), *_refused_tokens(site), *_forgeries(site), *_refused_requests(site)]


def _allowed(site: Site) -> Iterator[Call]:
    for algorithm, header in (("RS256", "RS256"), ("ES256", "ES256"), ("Ed25519", "EdDSA")):
        token = site.issuer.mint(
            audience=ORDERS, scope="orders:read", algorithm=algorithm, header={"alg": header}
        )
        yield Call(f"the right token, {header}", _bearer(token), "allow", "ok", 200)


def _refused_tokens(site: Site) -> Iterator[Call]:
    mint, now_s = site.issuer.mint, int(time.time())
    scope = "orders:read"
    for name, reason, token in (
        (
            "a token of the sibling API",
            "audience_mismatch",
            mint(audience=INVOICES, scope="invoices:read"),
        ),
        (
            "a token for both APIs",
            "audience_too_broad",
            mint(audience=[ORDERS, INVOICES], scope=scope),
        ),
        (
            "a token of an unknown issuer",
            "issuer_unknown",
            site.stranger.mint(audience=ORDERS, scope=scope),
        ),
        (
            "an expired token",
            "token_expired",
            mint(audience=ORDERS, scope=scope, now_s=now_s - 600),
        ),
        (
            "a token that lives too long",
            "lifetime_too_long",
            mint(audience=ORDERS, scope=scope, lifetime_s=86_400),
        ),
        (
            "an ID token",
            "type_refused",
            mint(audience=ORDERS, claims={"nonce": "n"}, header={"typ": "JWT"}),
        ),
        (
            "a token without subject",
            "claim_absent",
            mint(audience=ORDERS, scope=scope, claims={"sub": None}),
        ),
    ):
        yield Call(name, _bearer(token), reason=reason)


def _forgeries(site: Site) -> Iterator[Call]:
    token = site.issuer.mint(audience=ORDERS, scope="orders:read")
    key = site.issuer.keyring.key("RS256")
    stranger = site.stranger.keyring.key("RS256")
    yield Call(
        "a token with a changed claim",
        _bearer(tampered(token, claims={"sub": "admin"})),
        reason="signature_invalid",
    )
    yield Call(
        "a token signed by a stranger", _bearer(forged(token, stranger)), reason="signature_invalid"
    )
    yield Call("alg: none", _bearer(unsigned(token)), reason="algorithm_refused")
    yield Call(
        "HS256 with the public key as secret",
        _bearer(signed_with_public_key(token, key)),
        reason="algorithm_refused",
    )


def _refused_requests(site: Site) -> Iterator[Call]:
    reading = site.issuer.mint(audience=ORDERS, scope="orders:read")
    right = _bearer(reading)
    yield Call("no token", (), reason="credential_missing")
    yield Call("two Authorization headers", right * 2, reason="credential_multiple", status=400)
    yield Call(
        "the token in the URL",
        (),
        reason="credential_in_query",
        status=400,
        path=f"{ORDER_PATH}?access_token={reading}",
    )
    yield Call(
        "a scope too few",
        right,
        reason="scope_insufficient",
        status=403,
        method="POST",
        path="/orders",
    )
    yield Call(
        "a method that no route lists", right, reason="route_method", status=403, method="DELETE"
    )
    yield Call(
        "a path that climbs out",
        right,
        reason="path_not_canonical",
        status=400,
        path="/orders/../invoices/1",
    )


def _bearer(token: str) -> tuple[str, ...]:
    return (f"Bearer {token}",)
