"""The API behind the gateway: answers with what it received, and keeps a list of it."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Received:
    """One request as it arrived: names in lower case, repetitions kept."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body_bytes: int

    def header(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    def ours(self) -> dict[str, list[str]]:
        """Every header that an API could take for ours, whichever way it spells names."""
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            if name.replace("_", "-").startswith("x-accredit-"):
                found.setdefault(name, []).append(value)
        return found


@dataclass
class Upstream:
    """An echo server on 127.0.0.1; usable as a context manager."""

    seen: list[Received] = field(default_factory=list)
    port: int = 0
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                names = tuple((name.lower(), value) for name, value in self.headers.items())
                received = Received(self.command, self.path, names, len(body))
                outer.seen.append(received)
                answer = json.dumps(
                    {"method": received.method, "path": received.path, "headers": names}
                ).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Stays silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def take(self) -> list[Received]:
        """Returns what has arrived since the last call."""
        taken, self.seen[:] = list(self.seen), []
        return taken
