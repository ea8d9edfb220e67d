"""The command line as people use it: real processes, a real server, a real terminal."""

import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.conftest import ROOT, free_port
from tests.e2e.accredit import PROGRAM
from tests.e2e.conftest import BILLING, ORDERS, Site

REQUEST = ("--host", "api.example", "--path", "/orders/1")
START_S = 60.0


def _environ(**more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ACCREDIT_") and name not in {"NO_COLOR", "FORCE_COLOR"}
    }
    # As for a person whose shell finds the program.
    path = f"{PROGRAM.parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, **more}


def _run(
    *arguments: str | Path, stdin: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
        env=_environ(),
        cwd=cwd,
    )


@contextmanager
def _started(*arguments: str | Path, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=_environ(),
        cwd=cwd,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(START_S)
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.timeout(180)
class TestServer:
    """Commands that ask a running server."""

    def test_check_asks_as_a_gateway_does(self, site: Site) -> None:
        server = f"127.0.0.1:{site.accredit.port}"
        for token, reason, status in (
            (site.token(), "ok", 200),
            (site.token(audience=BILLING), "audience_mismatch", 401),
            (site.token(scope="orders:write"), "scope_insufficient", 403),
        ):
            ran = _run("check", "-", "--server", server, *REQUEST, "--json", stdin=token)
            answer = json.loads(ran.stdout)
            assert (answer["reason"], answer["status"]) == (reason, status)
            assert answer["resource"] == ORDERS
            assert ran.returncode == (0 if reason == "ok" else 1)
            assert token not in ran.stdout + ran.stderr

    def test_offline_and_at_the_server_it_is_one_decision(self, site: Site) -> None:
        settings = site.folder / "accredit.toml"
        server = f"127.0.0.1:{site.accredit.port}"
        for token in (
            site.token(),
            site.token(lifetime_s=86_400),
            site.token(header={"typ": "JWT"}),
        ):
            offline = _run("check", "-", "--settings", settings, *REQUEST, "--json", stdin=token)
            online = _run("check", "-", "--server", server, *REQUEST, "--json", stdin=token)
            explained = _run(
                "explain", "-", "--settings", settings, *REQUEST, "--json", stdin=token
            )
            reasons = {json.loads(ran.stdout)["reason"] for ran in (offline, online, explained)}
            assert len(reasons) == 1
            assert offline.returncode == online.returncode == explained.returncode

    def test_two_credentials_reach_the_server_as_two(self, site: Site) -> None:
        ran = _run(
            "check", "-", "--server", f"127.0.0.1:{site.accredit.port}", *REQUEST, "--json",
            "--header", "Authorization: Basic eDp5", stdin=site.token(),
        )  # fmt: skip
        assert json.loads(ran.stdout)["reason"] == "credential_multiple"

    def test_status_is_one_screen(self, site: Site) -> None:
        server = f"127.0.0.1:{site.accredit.http}"
        ran = _run("status", "--server", server)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert len(ran.stdout.splitlines()) <= 24
        for text in ("ready", site.issuer.issuer, "usable", "nothing softens a check"):
            assert text in ran.stdout
        answer = json.loads(_run("status", "--server", server, "--json").stdout)
        assert answer["ready"] is True
        assert re.fullmatch("[0-9a-f]{64}", answer["catalogue_digest"])

    def test_status_shows_what_softens_and_until_when(self, site: Site) -> None:
        softened = site.catalogue()
        now = time.gmtime()
        softened["resources"][0] |= {
            "mode": "report",
            "report_since": time.strftime("%Y-%m-%d", now),
            "report_until": time.strftime("%Y-%m-%d", time.gmtime(time.time() + 30 * 86_400)),
        }
        site.accredit.write_catalogue(softened)
        try:
            server = f"127.0.0.1:{site.accredit.http}"
            until_s = time.monotonic() + START_S
            while "report" not in (ran := _run("status", "--server", server)).stdout:
                assert time.monotonic() < until_s, ran.stdout
            assert "orders-team" in ran.stdout
            denied = _run(
                "check", "--server", f"127.0.0.1:{site.accredit.port}", *REQUEST, "--json"
            )
            answer = json.loads(denied.stdout)
            assert (answer["decision"], answer["mode"]) == ("allow", "report")
            assert answer["reason"] == "credential_missing"
        finally:
            site.accredit.write_catalogue(site.catalogue())

    def test_a_server_that_is_not_there_exits_4(self) -> None:
        for command in (("status",), ("check", *REQUEST)):
            ran = _run(*command, "--server", f"127.0.0.1:{free_port()}")
            assert (ran.returncode, ran.stdout) == (4, "")
            assert ran.stderr.startswith("accredit: 127.0.0.1:")
            assert "Traceback" not in ran.stderr


class TestServe:
    """How a server that cannot start ends."""

    def test_wrong_settings_exit_3_with_every_fault(self, tmp_path: Path) -> None:
        settings = tmp_path / "accredit.toml"
        settings.write_text("[limits]\ntoken_bites = 1\n[time]\nclock_skew_s = 301\n")
        ran = _run("serve", "--settings", settings)
        assert ran.returncode == 3
        assert "limits.token_bites" in ran.stderr
        assert "time.clock_skew_s" in ran.stderr
        assert "Traceback" not in ran.stderr

    def test_a_missing_catalogue_exits_3(self, tmp_path: Path) -> None:
        settings = tmp_path / "accredit.toml"
        settings.write_text(
            "".join(
                f'listen.{name} = "127.0.0.1:{free_port()}"\n'
                for name in ("check", "services", "http")
            )
        )
        ran = _run("serve", "--settings", settings, "--catalogue", tmp_path / "none", cwd=tmp_path)
        assert ran.returncode == 3
        assert "none" in ran.stderr.splitlines()[-1] + ran.stderr
        assert "Traceback" not in ran.stderr

    def test_an_address_that_is_open_to_others_exits_3(self, tmp_path: Path) -> None:
        ran = _run("serve", "--listen", "0.0.0.0:9191", cwd=tmp_path)
        assert ran.returncode == 3
        assert "listen.check" in ran.stderr

    def test_an_address_that_is_taken_exits_4(self, site: Site, tmp_path: Path) -> None:
        taken = f"127.0.0.1:{site.accredit.port}"
        settings = tmp_path / "accredit.toml"
        settings.write_text(
            f'[listen]\nservices = "127.0.0.1:{free_port()}"\nhttp = "127.0.0.1:{free_port()}"\n'
            f'[state]\ndir = "{tmp_path / "state"}"\n[insecure]\nloopback_http = true\n'
        )
        ran = _run(
            "serve", "--settings", settings, "--listen", taken,
            "--catalogue", site.folder / "catalogue",
        )  # fmt: skip
        assert ran.returncode == 4
        assert taken in ran.stderr
        assert "Traceback" not in ran.stderr


@pytest.mark.timeout(240)
class TestDemo:
    """`accredit demo`."""

    def test_once_meets_every_expectation(self, tmp_path: Path) -> None:
        ran = _run("demo", "--once", "--json", cwd=tmp_path)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        answer = json.loads(ran.stdout)
        assert answer["ok"] is True
        rows = answer["rows"]
        assert len(rows) >= 12
        assert all(row["ok"] for row in rows)
        assert {row["reason"] for row in rows} >= {
            "ok", "audience_mismatch", "audience_too_broad", "issuer_unknown", "token_expired",
            "lifetime_too_long", "scope_insufficient", "signature_invalid", "algorithm_refused",
            "credential_missing", "credential_multiple", "path_not_canonical", "type_refused",
        }  # fmt: skip
        assert not Path(answer["settings"]).exists()

    def test_the_table_shows_decision_reason_status_and_time(self, tmp_path: Path) -> None:
        ran = _run("demo", "--once", cwd=tmp_path)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        lines = ran.stdout.splitlines()
        assert lines[0].split() == ["call", "decision", "reason", "HTTP", "µs"]
        sibling = next(line for line in lines if line.startswith("a token of the sibling API"))
        assert sibling.split()[6:9] == ["deny", "audience_mismatch", "401"]
        assert re.fullmatch(r"(\d+) of \1 answers as expected", lines[-1])

    def test_an_unexpected_answer_exits_1(self, tmp_path: Path) -> None:
        # The same command, with one expectation turned round.
        script = (
            "import dataclasses, sys\n"
            "from accredit.cli import main\n"
            "from accredit.cli.demo import calls\n"
            "right = calls.calls\n"
            "def wrong(site):\n"
            "    first, *others = right(site)\n"
            "    return [dataclasses.replace(first, decision='deny', reason='internal')]\n"
            "calls.calls = wrong\n"
            "main(['demo', '--once'])\n"
        )
        ran = subprocess.run(
            [PROGRAM.with_name("python"), "-c", script],
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
            env=_environ(),
            cwd=tmp_path,
        )
        assert ran.returncode == 1, ran.stdout + ran.stderr
        assert "unexpected" in ran.stdout

    def test_the_printed_commands_work_while_it_stays_up(self, tmp_path: Path) -> None:
        expected = {
            "dev mint": 0,
            "check --settings": 0,
            "explain": 1,
            "check --server": 0,
            "status": 0,
            "keys show": 0,
            "catalogue show": 0,
        }
        with _started("demo", "--json", cwd=tmp_path) as demo:
            assert demo.stdout is not None
            started = json.loads(demo.stdout.readline())
            assert started["ok"] is True
            script, asked = ["set +e"], set()
            for step in started["next"]:
                kind = next((one for one in expected if f"accredit {one}" in step["command"]), None)
                if kind is None:
                    continue
                asked.add(kind)
                code = expected[kind]
                script += [step["command"], f"[ $? = {code} ] || {{ echo {shlex.quote(kind)}; }}"]
            assert asked == set(expected)
            ran = subprocess.run(
                ["/bin/sh"],
                input="\n".join(script),
                capture_output=True,
                text=True,
                timeout=START_S,
                check=False,
                env=_environ(),
                cwd=tmp_path,
            )
            assert ran.stderr == ""
            assert "ALLOW" in ran.stdout
            assert "audience_mismatch" in ran.stdout
            assert not set(ran.stdout.splitlines()) & set(expected), ran.stdout
            self._call_as_grpcurl_does(started)
            demo.send_signal(signal.SIGINT)
            assert demo.wait(START_S) == 0
        assert not Path(started["settings"]).exists()
        gone = _run("check", "--server", started["check"], *REQUEST)
        assert gone.returncode == 4

    def _call_as_grpcurl_does(self, started: Mapping[str, Any]) -> None:
        """Makes the printed call with what reflection says, and nothing else."""
        command = next(step["command"] for step in started["next"] if "grpcurl" in step["command"])
        words = shlex.split(command)
        body, address, method = words[words.index("-d") + 1], words[-2], words[-1]
        assert address == started["check"]
        service, _, name = method.rpartition("/")
        with grpc.insecure_channel(address) as channel:
            pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
            found = pool.FindServiceByName(service).FindMethodByName(name)
            request = message_factory.GetMessageClass(found.input_type)()
            answer_type = message_factory.GetMessageClass(found.output_type)
            json_format.Parse(body, request, descriptor_pool=pool)
            answer: Any = answer_type.FromString(
                channel.unary_unary(f"/{method}")(request.SerializeToString(), timeout=5)
            )
        assert answer.denied_response.status.code == 401
        metadata = answer.dynamic_metadata.fields
        assert metadata["reason"].string_value == "credential_missing"

    def test_it_takes_its_server_with_it_when_it_is_told_to_stop(self, tmp_path: Path) -> None:
        with _started("demo", "--json", cwd=tmp_path) as demo:
            assert demo.stdout is not None
            started = json.loads(demo.stdout.readline())
            demo.terminate()
            assert demo.wait(START_S) == 0
        assert not Path(started["settings"]).exists()
        assert _run("status", "--server", started["http"]).returncode == 4


class TestDevIssuer:
    """`accredit dev issuer`."""

    def test_it_serves_says_where_and_ends_well(self, tmp_path: Path) -> None:
        with _started("dev", "issuer", "--port", "0", "--json", cwd=tmp_path) as issuer:
            assert issuer.stdout is not None
            url = json.loads(issuer.stdout.readline())["issuer"]
            assert url.startswith("http://127.0.0.1:")
            until_s = time.monotonic() + START_S
            while (ran := _run("dev", "mint", "--issuer", url, "--audience", ORDERS)).returncode:
                assert time.monotonic() < until_s, ran.stderr
            assert ran.stdout.count(".") == 2
            issuer.send_signal(signal.SIGINT)
            assert issuer.wait(START_S) == 0


class TestTerminal:
    """Colours and progress are for terminals."""

    def _on_terminal(
        self, *arguments: str | Path, **environ: str
    ) -> tuple[subprocess.CompletedProcess[bytes], bytes]:
        """Runs with stderr, and without `stdout` kept, on a terminal; returns what was shown."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            env=_environ(TERM="xterm-256color", **environ),
        )
        os.close(theirs)
        shown = b""
        until_s = time.monotonic() + START_S
        while time.monotonic() < until_s:
            ready, _, _ = select.select([ours], [], [], 1)
            if not ready:
                continue
            try:
                shown += os.read(ours, 65_536)
            except OSError:  # the other end is closed
                break
        os.close(ours)
        code = process.wait(START_S)
        return subprocess.CompletedProcess(arguments, code), shown

    def test_colours_on_a_terminal(self) -> None:
        ran, shown = self._on_terminal("reasons", "audience_mismatch")
        assert ran.returncode == 0
        assert b"\x1b[1maudience_mismatch" in shown

    def test_no_colour_where_the_user_says_so(self) -> None:
        _, shown = self._on_terminal(
            "envoy", "lint", ROOT / "deploy/envoy/envoy.yaml", NO_COLOR="1"
        )
        assert b"0 errors" in shown
        assert re.search(rb"\x1b\[[0-9;]*3[0-9]", shown) is None

    def test_a_batch_shows_its_progress(self, tmp_path: Path) -> None:
        questions = tmp_path / "questions.jsonl"
        questions.write_text('{"resource": "https://api.example/orders"}\n' * 20_000)
        _, shown = self._on_terminal(
            "check", "--batch", questions, "--catalogue", self._catalogue(tmp_path)
        )
        assert b"judging" in shown
        assert b"20,000 lines in" in shown

    def _catalogue(self, folder: Path) -> Path:
        jwks = {
            "keys": [
                {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
            ]
        }
        (folder / "jwks.json").write_text(json.dumps(jwks))
        issuer = "https://issuer.example"
        document = {
            "accredit": "catalogue/1",
            "issuers": [{"issuer": issuer, "keys": {"file": "jwks.json"}}],
            "resources": [
                {"resource": ORDERS, "owner": "o", "issuers": [issuer], "scopes": ["orders:read"]}
            ],
        }
        file = folder / "catalogue.yaml"
        file.write_text(json.dumps(document))
        return file


def test_completion_for_the_shell_is_there() -> None:
    ran = subprocess.run(
        [PROGRAM],
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
        env=_environ(_ACCREDIT_COMPLETE="complete_bash", COMP_WORDS="accredit cat", COMP_CWORD="1"),
    )
    assert "catalogue" in ran.stdout.split()


def test_a_reader_that_leaves_early_gets_no_traceback() -> None:
    process = subprocess.Popen(
        [PROGRAM, "reasons"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environ(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait(START_S) == 1


@pytest.mark.parametrize("name", ["python", "python3"])
def test_the_module_is_the_command(name: str) -> None:
    ran = subprocess.run(
        [PROGRAM.with_name(name), "-m", "accredit", "--version"],
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
        env=_environ(),
    )
    assert ran.stdout.startswith("accredit ")
