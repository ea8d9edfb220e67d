"""A local authorization server for tests and demos; never for anything else.

It makes new keys at each start, speaks http on 127.0.0.1 alone, and gives a token for any resource
and scope to any client whose secret is `secret-` and its name.

| path | what |
| --- | --- |
| `/.well-known/openid-configuration` | metadata (OpenID Connect Discovery 1.0, section 4) |
| `/.well-known/oauth-authorization-server` | metadata (RFC 8414, section 3) |
| `/jwks` | the key set |
| `POST /token` | `client_credentials` with HTTP Basic, `resource` (RFC 8707), `scope`; RFC 9068 |
| `POST /rotate` | new keys; `keep_s=N` keeps the old ones in the set so long, else they go |
| `POST /mint` | JSON `{"claims", "header"?, "algorithm"?}`: signs what it is given |
"""

import base64
import binascii
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, unquote_plus

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from accredit.dev.keyring import Keyring
from accredit.dev.mint import access_token_claims, mint
from accredit.errors import DoorError

__all__ = ["DEFAULT_ALGORITHMS", "DevIssuer", "client_secret"]

DEFAULT_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "Ed25519")


def client_secret(client: str) -> str:
    """Returns the secret of a demo client: none at all, which is why this binds to loopback."""
    return f"secret-{client}"


class DevIssuer:
    """The server, in a thread of its own or in the foreground.

    Args:
        address: 127.0.0.1; any other is refused.
        port: 0 picks a free one.
        algorithms: The first signs where a client asks for none.
        token_lifetime_s: From `iat` to `exp`.
        keys_max_age_s: What `Cache-Control` says about the key set and the metadata.

    Raises:
        ValueError: The address is not 127.0.0.1, or an algorithm cannot be signed with.
        DoorError: The port cannot be bound.
    """

    def __init__(
        self,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        algorithms: Sequence[str] = DEFAULT_ALGORITHMS,
        token_lifetime_s: int = 300,
        keys_max_age_s: int = 60,
    ) -> None:
        if address != _LOOPBACK:
            raise ValueError(
                f"the dev issuer gives tokens to anyone, so it listens on {_LOOPBACK} alone;"
                f" `{address}` is refused"
            )
        self.keyring = Keyring(algorithms)
        self.requests: Counter[str] = Counter()
        self._token_lifetime_s = token_lifetime_s
        self._keys_max_age_s = keys_max_age_s
        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            self._application(), log_config=None, access_log=False, lifespan="off", ws="none"
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def issuer(self) -> str:
        """The issuer identifier: the `iss` of its tokens."""
        return f"http://{_LOOPBACK}:{self.port}"

    @property
    def jwks_uri(self) -> str:
        """Where the key set stands."""
        return f"{self.issuer}/jwks"

    def mint(
        self,
        *,
        audience: str | Sequence[str] = "https://api.example/orders",
        client: str = "demo",
        scope: str | None = None,
        algorithm: str | None = None,
        now_s: int | None = None,
        lifetime_s: int | None = None,
        claims: Mapping[str, object] | None = None,
        header: Mapping[str, object] | None = None,
    ) -> str:
        """Signs an access token with the current key.

        Args:
            audience: One URI, or several.
            client: The `client_id` and `sub`.
            scope: Space-separated.
            algorithm: One of those the issuer was made with.
            now_s: The `iat`; by default this second.
            lifetime_s: By default the issuer's.
            claims: Over the usual ones; a claim that is None is left out.
            header: As `accredit.dev.mint.mint` takes it.

        Raises:
            KeyError: The issuer has no key for the algorithm.
        """
        usual = access_token_claims(
            issuer=self.issuer,
            client=client,
            audience=audience,
            now_s=int(time.time()) if now_s is None else now_s,
            scope=scope,
            lifetime_s=self._token_lifetime_s if lifetime_s is None else lifetime_s,
        )
        changed = {**usual, **(claims or {})}
        kept = {name: value for name, value in changed.items() if value is not None}
        return mint(self.keyring.key(algorithm), kept, header=header)

    def start(self) -> Self:
        """Serves in a thread; returns when connections are accepted.

        Raises:
            DoorError: The server did not start.
        """
        thread = threading.Thread(target=self.serve_forever, name="dev issuer", daemon=True)
        self._thread = thread
        thread.start()
        while not self._server.started:
            if not thread.is_alive():
                raise DoorError(f"the dev issuer did not start on {_LOOPBACK}:{self.port}")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Ends the server and its thread, and closes the port."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._socket.close()

    def serve_forever(self) -> None:
        """Serves in the calling thread, until `stop` or, in the main thread, a signal."""
        self._server.run(sockets=[self._socket])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/.well-known/oauth-authorization-server", self._metadata),
                Route("/jwks", self._jwks),
                Route("/token", self._token, methods=["POST"]),
                Route("/rotate", self._rotate, methods=["POST"]),
                Route("/mint", self._mint, methods=["POST"]),
            ],
            # A page in the developer's browser must not reach it by a name that it rebinds.
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[_LOOPBACK])],
        )

    async def _metadata(self, request: Request) -> Response:
        self.requests[request.url.path] += 1
        algorithms = [key["alg"] for key in self.keyring.jwks()["keys"]]
        return self._cached(
            {
                "issuer": self.issuer,
                "jwks_uri": self.jwks_uri,
                "token_endpoint": f"{self.issuer}/token",
                "grant_types_supported": ["client_credentials"],
                "response_types_supported": [],
                "subject_types_supported": ["public"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "id_token_signing_alg_values_supported": sorted(set(algorithms)),
            }
        )

    async def _jwks(self, request: Request) -> Response:
        self.requests[request.url.path] += 1
        return self._cached(self.keyring.jwks())

    async def _token(self, request: Request) -> Response:
        self.requests[request.url.path] += 1
        client = _basic_client(request.headers.get("authorization", ""))
        if client is None:
            challenge = {"www-authenticate": 'Basic realm="dev issuer"'}
            return _refusal("invalid_client", 401, challenge)
        form = await _form(request)
        if form is None or any(len(values) > 1 for name, values in form.items() if name != _MANY):
            return _refusal("invalid_request", 400)
        if form.get("grant_type") != ["client_credentials"]:
            return _refusal("unsupported_grant_type", 400)
        resources = form.get(_MANY, [])
        if not resources:
            return _refusal("invalid_target", 400)
        scope = form.get("scope", [None])[0]
        algorithm = form.get("algorithm", [None])[0]
        try:
            token = self.mint(
                audience=resources[0] if len(resources) == 1 else resources,
                client=client,
                scope=scope,
                algorithm=algorithm,
            )
        except KeyError:
            return _refusal("invalid_request", 400)
        answer: dict[str, object] = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self._token_lifetime_s,
        }
        if scope is not None:
            answer["scope"] = scope
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    async def _rotate(self, request: Request) -> Response:
        form = await _form(request)
        try:
            keep_s = float((form or {}).get("keep_s", ["0"])[0])
        except ValueError:
            return _refusal("invalid_request", 400)
        self.keyring.rotate(keep_s=keep_s)
        return JSONResponse(self.keyring.jwks())

    async def _mint(self, request: Request) -> Response:
        try:
            asked = json.loads(await request.body())
            key = self.keyring.key(asked.get("algorithm"))
            token = mint(key, dict(asked["claims"]), header=dict(asked.get("header") or {}))
        except (ValueError, KeyError, TypeError, AttributeError):
            return _refusal("invalid_request", 400)
        return JSONResponse({"access_token": token}, headers={"cache-control": "no-store"})

    def _cached(self, document: Mapping[str, object]) -> Response:
        headers = {"cache-control": f"public, max-age={self._keys_max_age_s}"}
        return JSONResponse(document, headers=headers)


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_LOOPBACK, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise DoorError(f"{_LOOPBACK}:{port} cannot be bound: {error.strerror}") from error
    return listener


def _basic_client(header: str) -> str | None:
    """Returns the client of `Authorization: Basic` where its secret fits (RFC 6749, 2.3.1)."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    client, _, secret = (unquote_plus(part) for part in text.partition(":"))
    return client if client and secret == client_secret(client) else None


async def _form(request: Request) -> dict[str, list[str]] | None:
    try:
        return parse_qs((await request.body()).decode("ascii"), strict_parsing=False)
    except ValueError:
        return None


def _refusal(error: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Answers as RFC 6749, section 5.2 says."""
    return JSONResponse({"error": error}, status, {"cache-control": "no-store", **(headers or {})})


_LOOPBACK: Final = "127.0.0.1"
_MANY: Final = "resource"
