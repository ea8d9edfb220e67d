"""Real Envoy, any of the installed versions, on the shipped configuration with other ports."""

import copy
import json
import re
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.conftest import ROOT, free_port, note_part
from tests.e2e.processes import Server, answers_200

FULL = "1.40.0"
SMOKE = ("1.36.4", "1.37.0", "1.38.3", "1.39.3")
SHIPPED = ROOT / "deploy/envoy/envoy.yaml"
# The ports of the shipped file, by what they are for.
CALLERS, ADMIN, ACCREDIT, API = 10000, 9901, 9191, 8081

Change = Callable[[dict[str, Any]], None]


def binary(version: str) -> Path:
    """The program; `make test` installs it."""
    path = ROOT / f".venv-envoy-{version}" / "bin" / "envoy"
    assert path.exists(), f"Envoy {version} is not installed: run `make test`, which installs it"
    return path


def manager(config: dict[str, Any]) -> dict[str, Any]:
    """The connection manager of the shipped file."""
    chain = config["static_resources"]["listeners"][0]["filter_chains"][0]
    found: dict[str, Any] = chain["filters"][0]["typed_config"]
    return found


def ext_authz(config: dict[str, Any]) -> dict[str, Any]:
    """The ext_authz filter of the shipped file."""
    found: dict[str, Any] = manager(config)["http_filters"][0]["typed_config"]
    return found


class Envoy(Server):
    """One Envoy.

    Args:
        folder: For its configuration and log.
        accredit: The port of the check listener.
        api: The port of the upstream.
        version: Which of the installed ones.
        change: What differs from the shipped file, beside the ports; None means nothing.
    """

    def __init__(
        self,
        folder: Path,
        *,
        accredit: int,
        api: int,
        version: str = FULL,
        change: Change | None = None,
        name: str = "envoy",
    ) -> None:
        self.version = version
        self.port = free_port()
        self.admin = free_port()
        config = copy.deepcopy(YAML(typ="safe").load(SHIPPED))
        if change is not None:
            change(config)
        _replace_ports(
            config, {CALLERS: self.port, ADMIN: self.admin, ACCREDIT: accredit, API: api}
        )
        file = folder / f"{name}.json"
        file.write_text(json.dumps(config))
        super().__init__(
            name,
            [
                binary(version),
                *("-c", file),
                "--use-dynamic-base-id",
                *("--concurrency", "1"),
                *("-l", "warning"),
            ],
            folder=folder,
            ready=lambda: answers_200(f"http://127.0.0.1:{self.admin}/ready"),
        )

    def start(self) -> None:
        """Starts it, waits, and enters its own word on its version into the book."""
        super().start()
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.admin}/server_info", timeout=5
        ) as answer:
            info = json.load(answer)
        reported = info["version"].split("/")[1]
        assert reported == self.version
        note_part("envoy", reported)

    def stat(self, name: str) -> int:
        """The value of a counter; 0 where Envoy has not made it yet."""
        url = f"http://127.0.0.1:{self.admin}/stats?filter={re.escape(name)}$"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        values = [line.rpartition(": ")[2] for line in text.splitlines()]
        return sum(int(value) for value in values if value.isdigit())


def validate(config: str, folder: Path, *, version: str = FULL) -> str:
    """Returns what Envoy says against a configuration; empty where it takes it."""
    file = folder / "validated.yaml"
    file.write_text(config)
    done = subprocess.run(
        [binary(version), "--mode", "validate", "-c", file, "-l", "error"],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _replace_ports(value: object, ports: dict[int, int]) -> None:
    if isinstance(value, dict):
        if value.get("port_value") in ports:
            value["port_value"] = ports[value["port_value"]]
        for inner in value.values():
            _replace_ports(inner, ports)
    elif isinstance(value, list):
        for inner in value:
            _replace_ports(inner, ports)
