"""The dev issuer over real sockets."""

import base64
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from accredit.dev.issuer import DevIssuer, client_secret
from accredit.errors import DoorError


@pytest.fixture(scope="module")
def running() -> Iterator[DevIssuer]:
    with DevIssuer(algorithms=["ES256", "Ed25519"]) as issuer:
        yield issuer


def call(
    issuer: DevIssuer,
    path: str,
    body: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, object], dict[str, str]]:
    data = None if body is None else body.encode()
    request = urllib.request.Request(issuer.issuer + path, data, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
        return error.code, json.loads(text) if text[:1] == b"{" else {}, dict(error.headers)


def basic(client: str = "demo", secret: str | None = None) -> dict[str, str]:
    text = f"{client}:{client_secret(client) if secret is None else secret}"
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def claims_of(token: object) -> tuple[dict[str, object], dict[str, object]]:
    header, payload, _ = str(token).split(".")
    read = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, payload)]
    return read[0], read[1]


GRANT = "grant_type=client_credentials"
ORDERS = "https://api.example/orders"


@pytest.mark.parametrize("path", ["openid-configuration", "oauth-authorization-server"])
def test_metadata_names_the_issuer_and_its_places(running: DevIssuer, path: str) -> None:
    status, document, headers = call(running, f"/.well-known/{path}")
    assert status == 200
    assert document["issuer"] == running.issuer == f"http://127.0.0.1:{running.port}"
    assert document["jwks_uri"] == running.jwks_uri
    assert document["token_endpoint"] == f"{running.issuer}/token"
    assert headers["cache-control"] == "public, max-age=60"


def test_a_token_is_for_the_resource_and_the_scope_that_were_asked_for(running: DevIssuer) -> None:
    body = f"{GRANT}&resource={ORDERS}&scope=orders%3Aread+orders%3Awrite"
    status, answer, headers = call(running, "/token", body, basic("batch"))
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "Bearer", 300)
    assert answer["scope"] == "orders:read orders:write"
    assert headers["cache-control"] == "no-store"
    header, claims = claims_of(answer["access_token"])
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": running.keyring.key().kid}
    assert (claims["iss"], claims["aud"]) == (running.issuer, ORDERS)
    assert claims["sub"] == claims["client_id"] == "batch"
    assert claims["scope"] == "orders:read orders:write"
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 300


def test_several_resources_and_another_algorithm(running: DevIssuer) -> None:
    body = f"{GRANT}&resource={ORDERS}&resource=https://b.example&algorithm=Ed25519"
    status, answer, _ = call(running, "/token", body, basic())
    header, claims = claims_of(answer["access_token"])
    assert (status, header["alg"], claims["aud"]) == (200, "Ed25519", [ORDERS, "https://b.example"])
    assert "scope" not in claims


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (GRANT + "&resource=a", {}, 401, "invalid_client"),
        (GRANT + "&resource=a", {"authorization": "Bearer x"}, 401, "invalid_client"),
        (GRANT + "&resource=a", {"authorization": "Basic !"}, 401, "invalid_client"),
        (GRANT + "&resource=a", {"authorization": "Basic /w=="}, 401, "invalid_client"),
        (GRANT + "&resource=a", basic(secret="wrong"), 401, "invalid_client"),
        (GRANT + "&resource=a", basic("", ""), 401, "invalid_client"),
        ("grant_type=password&resource=a", basic(), 400, "unsupported_grant_type"),
        ("resource=a", basic(), 400, "unsupported_grant_type"),
        (GRANT, basic(), 400, "invalid_target"),
        (GRANT + "&resource=a&scope=b&scope=c", basic(), 400, "invalid_request"),
        (GRANT + "&resource=a&algorithm=HS256", basic(), 400, "invalid_request"),
        (GRANT + "&resource=\u00e9", basic(), 400, "invalid_request"),
    ],
)
def test_a_wrong_token_request_is_refused(
    running: DevIssuer,
    body: str,
    headers: dict[str, str],
    status: int,
    error: str,
) -> None:
    answered, answer, sent = call(running, "/token", body, headers)
    assert (answered, answer["error"]) == (status, error)
    assert ("www-authenticate" in sent) == (status == 401)


def test_keys_are_new_at_each_start_and_rotate_on_request() -> None:
    with DevIssuer(algorithms=["ES256"]) as one, DevIssuer(algorithms=["ES256"]) as two:
        assert call(one, "/jwks")[1] != call(two, "/jwks")[1]
        before = call(one, "/jwks")[1]
        kept = call(one, "/rotate", "keep_s=60")[1]
        assert isinstance(kept["keys"], list)
        assert len(kept["keys"]) == 2
        assert call(one, "/jwks")[1] == kept != before
        alone = call(one, "/rotate", "")[1]
        assert isinstance(alone["keys"], list)
        assert len(alone["keys"]) == 1
        assert call(one, "/rotate", "keep_s=soon")[0] == 400
        assert call(one, "/rotate")[0] == 405


def test_it_mints_what_it_is_given(running: DevIssuer) -> None:
    asked = {"claims": {"iss": "x"}, "header": {"typ": "JWT", "kid": None}, "algorithm": "Ed25519"}
    status, answer, _ = call(running, "/mint", json.dumps(asked))
    assert status == 200
    assert claims_of(answer["access_token"]) == ({"alg": "Ed25519", "typ": "JWT"}, {"iss": "x"})
    for wrong in (
        "",
        "[]",
        "{}",
        '{"claims":1}',
        '{"claims":{},"algorithm":"none"}',
        '{"claims":{},"header":[1]}',
    ):
        assert call(running, "/mint", wrong)[0] == 400, wrong


def test_claims_are_changed_and_left_out_in_process(running: DevIssuer) -> None:
    token = running.mint(
        audience="https://b",
        scope="s",
        now_s=10,
        lifetime_s=5,
        claims={"sub": None, "x": 1},
    )
    _, claims = claims_of(token)
    assert (claims["aud"], claims["iat"], claims["exp"], claims["x"]) == ("https://b", 10, 15, 1)
    assert "sub" not in claims


@pytest.mark.parametrize("address", ["0.0.0.0", "localhost", "::1", "127.0.0.2", "192.168.0.1", ""])
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 alone"):
        DevIssuer(address=address)


def test_it_is_bound_to_loopback_alone(running: DevIssuer) -> None:
    assert running._socket.getsockname() == ("127.0.0.1", running.port)
    with socket.socket() as other, pytest.raises(ConnectionRefusedError):
        other.connect(("127.0.0.2", running.port))


def test_a_name_that_was_rebound_to_it_gets_nothing(running: DevIssuer) -> None:
    assert call(running, "/jwks", headers={"host": "evil.example"})[0] == 400


def test_a_port_that_is_taken_is_an_error(running: DevIssuer) -> None:
    with pytest.raises(DoorError, match="cannot be bound"):
        DevIssuer(port=running.port)


def test_it_ends_and_frees_its_port() -> None:
    with DevIssuer(algorithms=["ES256"]) as issuer:
        port = issuer.port
        assert call(issuer, "/jwks")[0] == 200
    with DevIssuer(algorithms=["ES256"], port=port) as again:
        assert call(again, "/jwks")[0] == 200
