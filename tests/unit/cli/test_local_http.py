"""Asking a server on this host: TCP or a Unix socket, whatever proxy variables say."""

import http.server
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from accredit.cli.local_http import get_json, is_ready
from accredit.errors import InputError, ServerError
from tests.conftest import free_port

PAGES = {
    "/status": (200, b'{"ready": true}'),
    "/readyz": (200, b"{}"),
    "/list": (200, b"[]"),
    "/text": (200, b"hello"),
    "/gone": (404, b"{}"),
}


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = PAGES[self.path]
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def address_string(self) -> str:
        return "local"


@pytest.fixture(params=["tcp", "unix"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A server on loopback, or on a Unix socket."""
    server: socketserver.BaseServer
    if request.param == "tcp":
        port = free_port()
        server = http.server.HTTPServer(("127.0.0.1", port), _Pages)
        where = f"127.0.0.1:{port}"
    else:
        path = tmp_path / "http.sock"
        server = socketserver.UnixStreamServer(str(path), _Pages)
        where = f"unix:{path}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield where
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_page_is_read_past_any_proxy(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert get_json(address, "/status") == {"ready": True}
    assert is_ready(address)


@pytest.mark.parametrize("path", ["/list", "/text", "/gone"])
def test_what_is_no_answer_of_ours_says_so(address: str, path: str) -> None:
    with pytest.raises(ServerError, match="is it Accredit"):
        get_json(address, path)


def test_nobody_there() -> None:
    address = f"127.0.0.1:{free_port()}"
    assert not is_ready(address)
    with pytest.raises(ServerError, match="accredit serve"):
        get_json(address, "/status")


@pytest.mark.parametrize("address", ["localhost:80", "9193", "http://127.0.0.1:9193", "unix:"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(InputError, match="--server"):
        get_json(address, "/status")
