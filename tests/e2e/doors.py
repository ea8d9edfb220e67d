"""Both doors of one server, an issuer that can be made to wait, and the messages between."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import grpc

from accredit.dev.keys import SigningKey
from accredit.dev.mint import access_token_claims, mint
from accredit.serve.descriptors import message_class
from tests.conftest import free_port
from tests.e2e.accredit import Accredit

ORDERS: Final = "https://api.example/orders"
AUTHORIZATION: Final = "envoy.service.auth.v3.Authorization"
CHECK: Final = f"/{AUTHORIZATION}/Check"
DOORS: Final = ("fast", "python")
# A denial says why to the gateway's logs; an allow says `ok`.
OK: Final = "ok"


class Issuer:
    """A JWKS endpoint that can be made to wait, and counts who comes."""

    def __init__(self) -> None:
        self.keys = [SigningKey.generate("ES256")]
        self.fetches = 0
        self.open = threading.Event()
        self.open.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.fetches += 1
                outer.open.wait(30)
                body = json.dumps({"keys": [key.public_jwk() for key in outer.keys]}).encode()
                with contextlib.suppress(OSError):
                    self.send_response(200)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def token(self, *, audience: str = ORDERS, scope: str = "orders:read", **more: Any) -> str:
        claims = access_token_claims(
            issuer=self.url, client="partner", audience=audience, now_s=int(time.time()),
            scope=scope, lifetime_s=300,
        )  # fmt: skip
        return mint(self.keys[-1], {**claims, **more})

    def catalogue(self) -> dict[str, Any]:
        route = {
            "hosts": ["api.example"],
            "paths": ["/orders/**"],
            "methods": ["GET"],
            "scopes": ["orders:read"],
        }
        return {
            "accredit": "catalogue/1",
            "issuers": [
                {
                    "issuer": self.url,
                    "keys": {"jwks_uri": f"{self.url}/jwks"},
                    "algorithms": ["ES256"],
                }
            ],
            "resources": [
                {
                    "resource": ORDERS,
                    "owner": "orders-team",
                    "issuers": [self.url],
                    "routes": [route],
                }
            ],
        }


class Bed:
    """A server with both doors, and its issuer."""

    def __init__(self, folder: Path, **settings: dict[str, object]) -> None:
        folder.mkdir(exist_ok=True)
        self.issuer = Issuer()
        self.services = free_port()
        sections: dict[str, dict[str, object]] = {
            "trust": {"total_s": 60},
            "time": {"need_wait_ms": 10_000},
            **settings,
        }
        listen = {"services": f"127.0.0.1:{self.services}", **sections.get("listen", {})}
        self.server = Accredit(
            folder, self.issuer.catalogue(), settings={**sections, "listen": listen}
        )
        self.server.start()

    def address(self, door: str) -> str:
        return f"127.0.0.1:{self.server.port if door == 'fast' else self.services}"

    def channel(self, door: str) -> grpc.Channel:
        return grpc.insecure_channel(
            self.address(door), options=[("grpc.max_send_message_length", -1)]
        )

    def gauge(self, name: str, door: str) -> float:
        _, page = self.server.get("/metrics")
        want = f'{name}{{door="{door}"}} '
        return next(float(line.split()[-1]) for line in page.splitlines() if line.startswith(want))

    def close(self) -> None:
        self.issuer.close()
        self.server.stop()


def check_request(
    token: str | None, path: str = "/orders/1", method: str = "GET", **headers: str
) -> bytes:
    request: Any = message_class("envoy.service.auth.v3.CheckRequest")()
    http = request.attributes.request.http
    http.method, http.host, http.path = method, "api.example", path
    if token is not None:
        http.headers["authorization"] = f"Bearer {token}"
    for name, value in headers.items():
        http.headers[name.replace("_", "-")] = value
    encoded: bytes = request.SerializeToString()
    return encoded


def parse(answer: bytes) -> Any:
    return message_class("envoy.service.auth.v3.CheckResponse").FromString(answer)


def reason(answer: bytes) -> str:
    parsed = parse(answer)
    said: str = parsed.dynamic_metadata.fields["reason"].string_value
    assert (parsed.status.code == 0) == (said == OK)
    return said
