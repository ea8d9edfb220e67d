"""`accredit check` and `accredit explain`, offline."""

import json
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.unit.cli.conftest import (
    INVOICES,
    NOW_S,
    ORDERS,
    REQUEST,
    Bench,
    Ran,
    Run,
    document,
    resource,
)


def _judge(
    run: Run, bench: Bench, *more: str | Path, stdin: bytes = b"", command: str = "check"
) -> Ran:
    return run(
        command, "--catalogue", bench.folder, "--now", str(NOW_S), *REQUEST, *more, stdin=stdin
    )


def test_an_allow_exits_0_and_names_resource_client_and_end(run: Run, bench: Bench) -> None:
    ran = _judge(run, bench, bench.token())
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"ALLOW  {ORDERS}  client partner  expires 2027-01-15T12:05:00Z\n"


def test_a_deny_exits_1_and_says_what_happened_and_what_to_do(run: Run, bench: Bench) -> None:
    ran = _judge(run, bench, bench.token(aud=INVOICES))
    assert ran.code == 1
    head, meaning, remedy = ran.out.splitlines()
    assert head.startswith(f"DENY  audience_mismatch  {ORDERS}")
    assert meaning == "  The `aud` does not name this resource."
    assert remedy == "  Ask for a token with this resource as `resource` (RFC 8707)."


def test_json_is_check_json(run: Run, bench: Bench) -> None:
    assert _judge(run, bench, bench.token(), "--json").json == {
        "decision": "allow",
        "reason": "ok",
        "resource": ORDERS,
        "client": "partner",
        "expires_at": NOW_S + 300,
    }


def test_a_token_comes_from_stdin_or_a_file(run: Run, bench: Bench, tmp_path: Path) -> None:
    token = bench.token()
    file = tmp_path / "token"
    file.write_text(token + "\n")
    assert _judge(run, bench, "-", stdin=token.encode() + b"\n").code == 0
    assert _judge(run, bench, "--token-file", file).code == 0


def test_without_a_token_a_request_without_credential_is_judged(run: Run, bench: Bench) -> None:
    ran = _judge(run, bench, "--json")
    assert (ran.code, ran.json["reason"]) == (1, "credential_missing")


def test_what_the_options_say_is_what_is_judged(run: Run, bench: Bench) -> None:
    token = bench.token()
    for more, reason in (
        (("--method", "DELETE"), "route_method"),
        (("--header", "Authorization: Basic eDp5"), "credential_multiple"),
        (("--resource", INVOICES), "selector_conflict"),
    ):
        ran = _judge(run, bench, token, "--json", *more)
        assert (ran.code, ran.json["reason"]) == (1, reason)


@pytest.mark.parametrize("moment", [str(NOW_S), "2027-01-15T12:00:00Z"])
def test_the_clock_is_fixed(run: Run, bench: Bench, moment: str) -> None:
    arguments = ("check", "--catalogue", bench.folder, *REQUEST, bench.token(), "--json", "--now")
    assert run(*arguments, moment).json["reason"] == "ok"
    assert run(*arguments, "2027-01-16").json["reason"] == "token_expired"


def test_report_mode_is_shown_with_what_it_hides(run: Run, bench: Bench) -> None:
    report = resource(mode="report", report_since="2027-01-01", report_until="2027-02-01")
    bench.write(document(bench.key, report))
    ran = _judge(run, bench)
    assert ran.code == 0
    assert ran.out.startswith("ALLOW  credential_missing")
    assert "report mode lets this pass" in ran.out
    assert _judge(run, bench, "--json").json["mode"] == "report"


def test_offline_the_set_in_hand_is_the_last_word(run: Run, bench: Bench, tmp_path: Path) -> None:
    jwks = bench.folder / "jwks.json"
    jwks.write_text(json.dumps({"keys": [bench.key.public_jwk()]}))
    made = document(bench.key)
    made["issuers"][0]["keys"] = {"file": "jwks.json"}
    bench.write(made)
    assert _judge(run, bench, bench.token()).code == 0
    other = _judge(run, bench, bench.token(header={"kid": "k2"}), "--json")
    assert other.json["reason"] == "key_unknown"


def test_an_issuer_without_keys_is_named(run: Run, bench: Bench, tmp_path: Path) -> None:
    issuer = f"http://127.0.0.1:{free_port()}"
    made = document(bench.key)
    made["issuers"] = [{"issuer": issuer, "keys": {"discovery": "oidc"}}]
    made["resources"] = [resource(issuers=[issuer])]
    bench.write(made)
    settings = tmp_path / "accredit.toml"
    settings.write_text("[insecure]\nloopback_http = true\n")
    ran = _judge(run, bench, bench.token(iss=issuer), "--json", "--settings", settings)
    assert (ran.code, ran.json["reason"]) == (1, "keys_unavailable")
    assert ran.err.startswith(f"no keys of {issuer}")
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("command", ["check", "explain"])
@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "no API is named"),
        (("x.y.z", "--token-file", "t", *REQUEST), "both given"),
        (("--token-file", "nowhere", *REQUEST), "nowhere: cannot be read"),
        (("--header", "eyJhbGciOiJub25lIn0.e30.", *REQUEST), "no colon"),
        (("--now", "tomorrow", *REQUEST), "--now is no moment"),
        (("--now", "9999999999999", *REQUEST), "not milliseconds"),
        (("--nonsense",), "no such option"),
    ],
)
def test_what_cannot_be_used_exits_2(
    run: Run, bench: Bench, command: str, arguments: tuple[str, ...], what: str
) -> None:
    ran = run(command, "--catalogue", bench.folder, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("accredit: ")
    assert what in ran.err
    assert "eyJ" not in ran.err


def test_a_broken_catalogue_exits_3_with_its_line(run: Run, bench: Bench) -> None:
    (bench.folder / "catalogue.yaml").write_text("accredit: catalogue/1\nresources:\n  - {}\n")
    ran = _judge(run, bench, bench.token())
    assert (ran.code, ran.out) == (3, "")
    assert "catalogue.yaml:3" in ran.err


def test_broken_settings_exit_3(run: Run, bench: Bench, tmp_path: Path) -> None:
    settings = tmp_path / "accredit.toml"
    settings.write_text("[limits]\ntoken_bites = 1\n")
    ran = _judge(run, bench, "--settings", settings)
    assert ran.code == 3
    assert "did you mean `token_bytes`?" in ran.err


@pytest.mark.parametrize("more", [("--now", "1"), ("--catalogue", "x")])
def test_a_server_judges_by_its_own_catalogue_and_clock(run: Run, more: tuple[str, ...]) -> None:
    ran = run("check", "--server", "127.0.0.1:1", *REQUEST, *more)
    assert ran.code == 2
    assert "its own catalogue and clock" in ran.err


def test_a_server_that_is_not_there_exits_4(run: Run) -> None:
    ran = run("check", "--server", f"127.0.0.1:{free_port()}", *REQUEST)
    assert (ran.code, ran.out) == (4, "")
    assert "accredit serve" in ran.err


class TestExplain:
    """Every step, and the same decision."""

    def test_every_step_is_shown(self, run: Run, bench: Bench) -> None:
        ran = _judge(run, bench, bench.token(), command="explain")
        assert ran.code == 0
        assert "route /orders/**" in ran.out
        assert "x-accredit-client: partner" in ran.out
        rows = [line.split()[1] for line in ran.out.splitlines() if line[:2].strip().isdigit()]
        assert rows[0] == "resource"
        assert rows[-1] == "obligations"
        assert len(rows) == 14

    def test_the_failed_step_is_marked(self, run: Run, bench: Bench) -> None:
        ran = _judge(run, bench, bench.token(scope="orders:write"), command="explain")
        assert ran.code == 1
        rows = [line.split() for line in ran.out.splitlines() if line[:2].strip().isdigit()]
        assert ["10", "scope", "fail", "scope_insufficient"] in [row[:4] for row in rows]
        assert "HTTP 403" in ran.out

    def test_it_decides_as_check_does(self, run: Run, bench: Bench) -> None:
        for token in (
            bench.token(),
            bench.token(aud=[ORDERS, INVOICES]),
            bench.token(sub=None),
            bench.token(iss="https://stranger.example"),
            "x.y.z",
        ):
            checked = _judge(run, bench, token, "--json").json
            explained = _judge(run, bench, token, "--json", command="explain").json
            assert {name: explained[name] for name in checked} == checked
            assert [step["step"] for step in explained["steps"]][:2] == ["resource", "credential"]

    def test_the_claim_at_fault_is_named(self, run: Run, bench: Bench) -> None:
        ran = _judge(run, bench, bench.token(client_id=None), command="explain")
        assert "claim `client_id`" in ran.out

    def test_text_of_a_token_cannot_move_the_cursor(self, run: Run, bench: Bench) -> None:
        token = bench.token(client_id="\x1b[2Jpartner", sub="\x1b]0;x\x07")
        for command in ("check", "explain"):
            assert "\x1b" not in _judge(run, bench, token, command=command).out
