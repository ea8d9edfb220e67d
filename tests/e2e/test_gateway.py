"""Allowed and refused calls through real Envoy, in both forms in which it sends headers."""

import time

import grpc
import pytest

from accredit.dev.keys import SigningKey
from accredit.dev.mint import forged, signed_with_public_key, tampered, unsigned
from tests.e2e.caller import Reply, call
from tests.e2e.conftest import BILLING, ORDERS, Site
from tests.e2e.envoy import FULL, Change, Envoy, ext_authz

SIBLING_PAGE = "/billing/2"
CHALLENGE = 'resource_metadata="https://api.example/.well-known/oauth-protected-resource/orders"'


def _folded(config: dict[str, object]) -> None:
    ext_authz(config)["encode_raw_headers"] = False


# `header_map` is what the shipped file asks for; `headers` is Envoy's default.
FORMS: dict[str, Change | None] = {"header_map": None, "headers": _folded}


@pytest.fixture(params=FORMS, scope="module")
def envoy(request: pytest.FixtureRequest, site: Site) -> Envoy:
    return site.envoy(request.param, version=FULL, change=FORMS[request.param])


def refused(site: Site, reply: Reply, status: int) -> str:
    """Assert a refusal that reached the caller whole, and nobody else; return its challenge."""
    assert reply.status == status
    assert site.upstream.take() == []
    assert reply.body == b'{"error":"access_denied"}\n'
    assert len(reply.header("x-accredit-decision-id")) == 1
    return " ".join(reply.header("www-authenticate"))


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "Ed25519"])
def test_a_right_token_passes_with_its_identity(site: Site, envoy: Envoy, algorithm: str) -> None:
    token = site.token(algorithm=algorithm)
    reply = call(envoy.port, "/orders/1?page=2", token=token)
    assert reply.status == 200
    (received,) = site.upstream.take()
    assert (received.method, received.path) == ("GET", "/orders/1?page=2")
    ours = received.ours()
    assert ours.pop("x-accredit-decision-id")[0].startswith("dec_")
    assert ours == {
        "x-accredit-subject": ["partner"],
        "x-accredit-client": ["partner"],
        "x-accredit-issuer": [site.issuer.issuer],
        "x-accredit-scopes": ["orders:read"],
    }
    assert received.header("authorization") == [f"Bearer {token}"]


def test_a_sibling_takes_its_own_token(site: Site, envoy: Envoy) -> None:
    token = site.token("billing:read", BILLING)
    assert call(envoy.port, SIBLING_PAGE, token=token).status == 200
    assert [received.path for received in site.upstream.take()] == [SIBLING_PAGE]


@pytest.mark.attack(19)
def test_a_token_of_a_sibling_is_refused(site: Site, envoy: Envoy) -> None:
    reply = call(envoy.port, token=site.token("orders:read", BILLING))
    challenge = refused(site, reply, 401)
    assert challenge == f'Bearer error="invalid_token", {CHALLENGE}'
    refused(site, call(envoy.port, SIBLING_PAGE, token=site.token("billing:read")), 401)


@pytest.mark.attack(4)
def test_no_token_gets_a_challenge_without_an_error(site: Site, envoy: Envoy) -> None:
    assert refused(site, call(envoy.port), 401) == f"Bearer {CHALLENGE}"


@pytest.mark.attack(13)
@pytest.mark.parametrize(
    "kind",
    ["none", "tampered", "hmac", "forged", "other issuer", "expired", "too long", "too broad",
     "no audience", "no expiry", "not yet", "id token", "garbage"],
)  # fmt: skip
def test_a_wrong_token_is_refused(site: Site, envoy: Envoy, kind: str) -> None:
    now_s = int(time.time())
    right = site.token()
    key = site.issuer.keyring.key("RS256")
    token = {
        "none": unsigned(right),
        "tampered": tampered(right, claims={"scope": "orders:read orders:admin"}),
        "hmac": signed_with_public_key(right, key),
        "forged": forged(right, SigningKey.generate("RS256", kid=key.kid)),
        "other issuer": site.token(claims={"iss": "https://issuer.elsewhere.example"}),
        "expired": site.token(now_s=now_s - 900, lifetime_s=300),
        "too long": site.token(lifetime_s=7200),
        "too broad": site.token(audience=[ORDERS, BILLING]),  # type: ignore[arg-type]
        "no audience": site.token(claims={"aud": None}),
        "no expiry": site.token(claims={"exp": None}),
        "not yet": site.token(claims={"nbf": now_s + 600}),
        "id token": site.token(header={"typ": "JWT"}),
        "garbage": "a.b.c",
    }[kind]
    challenge = refused(site, call(envoy.port, token=token), 401)
    assert challenge == f'Bearer error="invalid_token", {CHALLENGE}'


def test_a_scope_that_lacks_is_named(site: Site, envoy: Envoy) -> None:
    reply = call(envoy.port, "/orders/admin/1", token=site.token())
    expected = f'Bearer error="insufficient_scope", scope="orders:admin", {CHALLENGE}'
    assert refused(site, reply, 403) == expected


@pytest.mark.parametrize(
    ("target", "method", "host"),
    [
        ("/elsewhere", "GET", "api.example"),
        ("/orders/1", "DELETE", "api.example"),
        ("/orders/1", "GET", "other.example"),
    ],
)
def test_what_no_route_lists_is_refused(
    site: Site, envoy: Envoy, target: str, method: str, host: str
) -> None:
    refused(site, call(envoy.port, target, method=method, host=host, token=site.token()), 403)


def test_another_method_by_header_is_not_read(site: Site, envoy: Envoy) -> None:
    override = [("x-http-method-override", "GET")]
    reply = call(envoy.port, method="DELETE", token=site.token(), headers=override)
    refused(site, reply, 403)


@pytest.mark.attack(2)
@pytest.mark.parametrize("second", ["right", "wrong"])
def test_two_authorization_headers_are_refused(site: Site, envoy: Envoy, second: str) -> None:
    other = site.token() if second == "right" else "a.b.c"
    headers = [("authorization", f"Bearer {other}")]
    challenge = refused(site, call(envoy.port, token=site.token(), headers=headers), 400)
    assert challenge == f'Bearer error="invalid_request", {CHALLENGE}'


@pytest.mark.attack(24)
@pytest.mark.parametrize(
    "value", ["bearer {}", "Bearer  {}", "Bearer {}=", "Bearer {}.x", "Bearer {},x", "Bearer\t{}"]
)
def test_a_credential_out_of_form_never_passes(site: Site, envoy: Envoy, value: str) -> None:
    headers = [("authorization", value.format(site.token()))]
    reply = call(envoy.port, headers=headers)
    # A scheme's name has no case (RFC 9110, section 11.1); all else must be canonical.
    if value.startswith("bearer"):
        assert reply.status == 200
        return
    assert reply.status in {400, 401}
    assert site.upstream.take() == []


def test_a_token_in_the_query_is_refused(site: Site, envoy: Envoy) -> None:
    token = site.token()
    refused(site, call(envoy.port, f"/orders/1?access_token={token}"), 400)
    refused(site, call(envoy.port, f"/orders/1?access_token={token}", token=token), 400)


SPOOFED = ("x-accredit-subject", "x-accredit-role", "X-Accredit-Mode", "x-accredit-scopes")


@pytest.mark.attack(3)
@pytest.mark.parametrize("name", SPOOFED)
@pytest.mark.parametrize("times", [1, 2])
def test_what_a_caller_says_about_itself_never_arrives(
    site: Site, envoy: Envoy, name: str, times: int
) -> None:
    headers = [(name, "admin")] * times
    assert call(envoy.port, token=site.token(), headers=headers).status == 200
    (received,) = site.upstream.take()
    ours = received.ours()
    assert "admin" not in str(ours)
    assert all(len(values) == 1 for values in ours.values())
    assert set(ours) == {
        f"x-accredit-{part}" for part in ("subject", "client", "issuer", "scopes", "decision-id")
    }


@pytest.mark.attack(3)
@pytest.mark.parametrize("name", ["x_accredit_subject", "x-accredit_subject", "X_ACCREDIT_ROLE"])
def test_underscores_never_arrive(site: Site, envoy: Envoy, name: str) -> None:
    reply = call(envoy.port, token=site.token(), headers=[(name, "admin")])
    assert reply.status == 400
    assert site.upstream.take() == []


def test_a_public_page_carries_no_identity(site: Site, envoy: Envoy) -> None:
    headers = [("x-accredit-subject", "admin"), ("x-accredit-role", "admin")]
    for token in (None, site.token(), "a.b.c"):
        assert call(envoy.port, "/health", token=token, headers=headers).status == 200
        (received,) = site.upstream.take()
        assert set(received.ours()) <= {"x-accredit-decision-id"}
    refused(site, call(envoy.port, "/health", method="POST"), 403)


def test_the_same_decision_for_grpc_content(site: Site, envoy: Envoy) -> None:
    target, headers = "/shop.Orders/Get", [("content-type", "application/grpc")]
    reply = call(envoy.port, target, method="POST", token=site.token(), headers=headers, body=b"")
    assert reply.status == 200
    (received,) = site.upstream.take()
    assert received.header("x-accredit-subject") == ["partner"]
    call(envoy.port, target, method="POST", headers=headers, body=b"")
    assert site.upstream.take() == []


@pytest.mark.parametrize(
    ("scope", "audience", "code"),
    [
        (None, ORDERS, grpc.StatusCode.UNAUTHENTICATED),
        ("orders:read", BILLING, grpc.StatusCode.UNAUTHENTICATED),
        ("billing:read", ORDERS, grpc.StatusCode.PERMISSION_DENIED),
    ],
)
def test_a_grpc_client_reads_the_refusal(
    site: Site, envoy: Envoy, scope: str | None, audience: str, code: grpc.StatusCode
) -> None:
    metadata = []
    if scope is not None:
        metadata.append(("authorization", f"Bearer {site.token(scope, audience)}"))
    options = [("grpc.default_authority", "api.example")]
    with grpc.insecure_channel(f"127.0.0.1:{envoy.port}", options) as channel:
        get = channel.unary_unary("/shop.Orders/Get")
        with pytest.raises(grpc.RpcError) as caught:
            get(b"", metadata=metadata, timeout=20)
    assert caught.value.code() == code
    assert site.upstream.take() == []


@pytest.mark.attack(2)
@pytest.mark.parametrize("name", ["x-forwarded-client-cert", "x-envoy-auth-partial-body"])
def test_a_caller_cannot_speak_for_the_gateway(site: Site, envoy: Envoy, name: str) -> None:
    reply = call(envoy.port, token=site.token(), headers=[(name, "true")])
    assert reply.status in {200, 400}
    for received in site.upstream.take():
        assert name == "x-envoy-auth-partial-body" or received.header(name) == []


@pytest.mark.attack(1)
@pytest.mark.parametrize("value", [b"\xff\xfe", b"Bearer \xc3\x28", "é".encode()])
def test_bytes_that_are_no_text_are_refused(site: Site, envoy: Envoy, value: bytes) -> None:
    reply = call(envoy.port, headers=[("authorization", value)])
    assert reply.status in {400, 401}
    assert site.upstream.take() == []
    assert envoy.stat("http.callers.ext_authz.error") == 0


@pytest.mark.attack(20)
def test_no_token_is_in_any_log(site: Site, envoy: Envoy) -> None:
    token = site.token()
    for target in ("/orders/1", f"/orders/1?access_token={token}"):
        call(envoy.port, target, token=token)
    site.upstream.take()
    signature = token.rpartition(".")[2]
    for part in (token, signature, token.split(".")[1]):
        assert part not in site.accredit.output()
        assert part not in envoy.output()
