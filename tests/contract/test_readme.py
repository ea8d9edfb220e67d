"""The README is true: its commands are run, and its outputs are what they print."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, free_port
from tests.e2e.envoy import binary, validate
from tests.e2e.processes import Server, answers_200

README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


def first_screen() -> list[tuple[str, str]]:
    """Commands with the output below each, less the one that has brought us here."""
    found: list[tuple[str, str]] = []
    for line in README.splitlines():
        if line.startswith("    $ "):
            found.append((line.removeprefix("    $ "), ""))
        elif line.startswith("    ") and found and not README_END.search(line):
            command, output = found[-1]
            found[-1] = (command, f"{output}{line.removeprefix('    ')}\n")
        elif found and line.startswith("## "):
            break
    return found


README_END = re.compile(r"^\s+make run$")


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("ACCREDIT_")}
    environ |= {"PATH": f"{BIN}:{environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        shlex.split(command), cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


def test_the_first_screen_shows_what_is_printed() -> None:
    (begin, _), *commands = first_screen()
    assert begin == "make build && . .venv/bin/activate && cd examples/shop"
    assert len(commands) == 2
    for command, output in commands:
        done = run(command, ROOT / "examples/shop")
        assert done.stdout == output, done.stderr
        assert done.returncode == (0 if output.startswith("ALLOW") else 1)


def commands() -> list[str]:
    return re.findall(r"^    ((?:accredit|envoy|make) [^\n]+)$", README, re.MULTILINE)


def test_every_command_is_known_here() -> None:
    """A command that is added to the README needs a test here."""
    assert commands() == [
        "make run",
        "accredit catalogue lint examples/shop/catalogue",
        "accredit serve --catalogue examples/shop/catalogue",
        "envoy -c deploy/envoy/envoy.yaml",
        "accredit envoy lint your-own-envoy.yaml",
    ]


def test_the_catalogue_is_without_findings() -> None:
    done = run("accredit catalogue lint --json examples/shop/catalogue", ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)


def test_envoy_takes_the_file_and_the_linter_reads_one(tmp_path: Path) -> None:
    assert binary("1.40.0").exists()
    assert validate((ROOT / "deploy/envoy/envoy.yaml").read_text(), tmp_path) == ""
    (tmp_path / "your-own-envoy.yaml").write_text((ROOT / "deploy/envoy/envoy.yaml").read_text())
    done = run("accredit envoy lint your-own-envoy.yaml", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.e2e
def test_the_server_starts_on_the_example(tmp_path: Path) -> None:
    http = free_port()
    listen = {"CHECK": free_port(), "SERVICES": free_port(), "HTTP": http}
    environ = {f"ACCREDIT_LISTEN__{name}": f"127.0.0.1:{port}" for name, port in listen.items()}
    environ["ACCREDIT_STATE__DIR"] = str(tmp_path / "state")
    server = Server(
        "accredit",
        [BIN / "accredit", "serve", "--catalogue", ROOT / "examples/shop/catalogue"],
        folder=tmp_path,
        environ=environ,
        ready=lambda: answers_200(f"http://127.0.0.1:{http}/readyz"),
    )
    with server:
        assert server.stop() == 0


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_the_demo_meets_what_it_expects() -> None:
    """What `make run ARGS=--once` does once everything is built."""
    done = run("accredit demo --once --json", ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert len(rows) >= 12
    assert all(row["ok"] for row in rows)
