"""What the demo runs on: two local issuers, one of them a stranger, and a real server."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from accredit.catalogue.demo import demo_catalogue
from accredit.cli.local_http import is_ready
from accredit.dev.issuer import DevIssuer
from accredit.errors import DoorError

__all__ = ["Site"]

_LOOPBACK: Final = "127.0.0.1"
# deploy/envoy/envoy.yaml asks at 9191.
_PORTS: Final = {"check": 9_191, "services": 9_192, "http": 9_193, "issuer": 9_190}
_ALGORITHMS: Final = ("RS256", "ES256", "Ed25519")
_START_S: Final = 60.0
_STOP_S: Final = 15.0
_ASK_AGAIN_S: Final = 0.5
_LOG_LINES: Final = 5


class Site:
    """Everything that the demo starts, in a folder of its own that goes with it.

    Args:
        fixed_ports: Use the default ports where they are free, so that the shipped Envoy file and
            copied commands fit; else the system chooses.

    Raises:
        DoorError: The server did not start.
    """

    def __init__(self, *, fixed_ports: bool) -> None:
        self._ports = _ports(fixed=fixed_ports)
        self._stack = ExitStack()
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def check_address(self) -> str:
        """Where gateways ask."""
        return self._address("check")

    @property
    def is_on_default_port(self) -> bool:
        """Whether the shipped Envoy file finds the server."""
        return self._ports["check"] == _PORTS["check"]

    def to_json(self) -> dict[str, str]:
        """Returns where everything is."""
        return {
            "issuer": self.issuer.issuer,
            "check": self.check_address,
            "http": self._address("http"),
            "settings": str(self.settings_file),
            "log": str(self.log_file),
        }

    def wait(self, told_to_stop: Callable[[], bool]) -> None:
        """Returns when the server has ended, or soon after `told_to_stop` says so.

        Asked again and again: what a signal raises is lost where a destructor was running.

        Raises:
            DoorError: The server ended by itself.
        """
        while self._server is not None and not told_to_stop():
            with suppress(subprocess.TimeoutExpired):
                if self._server.wait(_ASK_AGAIN_S) != 0:
                    raise DoorError(self._ended())
                return

    def _start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="accredit-demo-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.issuer = self._stack.enter_context(
            DevIssuer(port=self._ports["issuer"], algorithms=_ALGORITHMS)
        )
        self.stranger = self._stack.enter_context(DevIssuer(algorithms=_ALGORITHMS[:1]))
        self.settings_file = self.folder / "accredit.toml"
        self.log_file = self.folder / "server.log"
        self._write()
        self._serve()

    def _write(self) -> None:
        catalogue = self.folder / "catalogue"
        catalogue.mkdir()
        for name, text in demo_catalogue(self.issuer.issuer).items():
            (catalogue / name).write_text(text, encoding="utf-8")
        sections: dict[str, dict[str, object]] = {
            "listen": {name: self._address(name) for name in ("check", "services", "http")},
            "catalogue": {"dir": str(catalogue)},
            "state": {"dir": str(self.folder / "state")},
            "log": {"format": "json"},
            # The local issuer speaks http; nothing but this demo and tests may say so.
            "insecure": {"loopback_http": True},
        }
        lines = []
        for section, values in sections.items():
            lines.append(f"[{section}]")
            # What JSON writes of text and booleans, TOML reads.
            lines += [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        self.settings_file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _serve(self) -> None:
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith("ACCREDIT_")
        }
        with self.log_file.open("wb") as log:
            self._server = subprocess.Popen(  # noqa: S603 - our own program and our own file
                [sys.executable, "-m", "accredit", "serve", "--settings", self.settings_file],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environ,
            )
        self._stack.callback(self._stop)
        until_s = time.monotonic() + _START_S
        while not is_ready(self._address("http")):
            if self._server.poll() is not None:
                raise DoorError(self._ended())
            if time.monotonic() > until_s:
                raise DoorError(f"the server is not ready after {_START_S:g} s; {self._said()}")
            time.sleep(0.05)

    def _stop(self) -> None:
        server = self._server
        if server is None or server.poll() is not None:
            return
        server.terminate()
        try:
            server.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def _ended(self) -> str:
        code = self._server.returncode if self._server is not None else None
        return f"the server ended with code {code}; {self._said()}"

    def _said(self) -> str:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return "its log ends with:\n" + "\n".join(lines[-_LOG_LINES:])

    def _address(self, name: str) -> str:
        return f"{_LOOPBACK}:{self._ports[name]}"


def _ports(*, fixed: bool) -> dict[str, int]:
    if fixed and all(_is_free(port) for port in _PORTS.values()):
        return dict(_PORTS)
    with ExitStack() as held:
        probes = {name: held.enter_context(socket.socket()) for name in _PORTS}
        for probe in probes.values():
            probe.bind((_LOOPBACK, 0))
        return {name: probe.getsockname()[1] for name, probe in probes.items()}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
    return True
