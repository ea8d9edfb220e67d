"""`accredit check --batch`: as many answers as lines, in their order."""

import json
from pathlib import Path

import pytest

from accredit.cli import batch
from tests.unit.cli.conftest import INVOICES, NOW_S, ORDERS, Bench, Run


def _line(token: str | None = None, **more: object) -> str:
    line = {"token": token, "host": "api.example", "path": "/orders/1", "method": "GET", **more}
    return json.dumps({name: value for name, value in line.items() if value is not None})


def test_answers_come_in_the_order_of_the_questions(
    run: Run, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So small that each chunk is a line: the seams must not show.
    monkeypatch.setattr(batch, "_CHUNK_BYTES", 1)
    file = tmp_path / "questions.jsonl"
    lines = [
        _line(bench.token()),
        "this is no JSON",
        "",
        _line(bench.token(aud=INVOICES)),
        _line(),
        _line(bench.token(), at=NOW_S + 86_400),
        _line(bench.token(), path=None, host=None, resource="https://nowhere.example"),
        json.dumps({"token": 7}),
        json.dumps({"tokn": "x"}),
    ]
    file.write_text("\n".join(lines))  # the last line has no newline
    ran = run("check", "--batch", file, "--catalogue", bench.folder, "--now", str(NOW_S))
    answers = [json.loads(line) for line in ran.out.splitlines()]
    assert [answer["reason"] for answer in answers] == [
        "ok",
        "request_malformed",
        "request_malformed",
        "audience_mismatch",
        "credential_missing",
        "token_expired",
        "resource_unknown",
        "request_malformed",
        "request_malformed",
    ]
    assert answers[0] == {
        "decision": "allow",
        "reason": "ok",
        "resource": ORDERS,
        "client": "partner",
        "expires_at": NOW_S + 300,
    }
    assert answers[6]["resource"] is None
    assert ran.code == 0
    assert ran.err.startswith("9 lines in ")
    assert ": 1 allow, 8 deny" in ran.err


def test_it_answers_as_a_single_check_does(run: Run, bench: Bench) -> None:
    token = bench.token()
    single = run(
        "check", token, "--host", "api.example", "--path", "/orders/1", "--json",
        "--catalogue", bench.folder, "--now", str(NOW_S),
    )  # fmt: skip
    batched = run(
        "check", "--batch", "-", "--catalogue", bench.folder, "--now", str(NOW_S),
        stdin=_line(token).encode(),
    )  # fmt: skip
    assert batched.json == single.json


def test_no_bar_where_there_is_no_terminal(run: Run, bench: Bench) -> None:
    ran = run("check", "--batch", "-", "--catalogue", bench.folder, stdin=b"{}\n")
    assert "judging" not in ran.err
    assert len(ran.err.splitlines()) == 1


def test_an_empty_file_has_no_answers(run: Run, bench: Bench) -> None:
    ran = run("check", "--batch", "-", "--catalogue", bench.folder)
    assert (ran.code, ran.out) == (0, "")


@pytest.mark.parametrize("more", [("x.y.z",), ("--host", "h"), ("--server", "127.0.0.1:9191")])
def test_questions_come_from_the_file_alone(run: Run, more: tuple[str, ...]) -> None:
    ran = run("check", "--batch", "-", *more)
    assert ran.code == 2
    assert "--batch takes its questions from the file" in ran.err


def test_a_file_that_is_not_there_exits_2(run: Run, bench: Bench) -> None:
    ran = run("check", "--batch", "nowhere", "--catalogue", bench.folder)
    assert (ran.code, ran.out) == (2, "")
    assert "nowhere: cannot be read: No such file" in ran.err
