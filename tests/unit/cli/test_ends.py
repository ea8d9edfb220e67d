"""How commands end: one paragraph, one code, nothing secret."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from accredit import __version__, errors
from accredit.cli import check
from accredit.cli.app import app
from accredit.cli.exits import EXITS, Exit, exit_of
from accredit.errors import AccreditError, FetchError, KeySetError
from tests.unit.cli.conftest import NOW_S, REQUEST, Bench, Run


def _commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    command = command or typer.main.get_command(app)
    children = getattr(command, "commands", None)
    if children is None:
        yield path
        return
    for name, child in children.items():
        yield from _commands(child, (*path, name))


COMMANDS = list(_commands())


def test_these_are_the_commands() -> None:
    assert {" ".join(path) for path in COMMANDS} == {
        "serve", "demo", "check", "explain", "reasons", "status",
        "dev issuer", "dev mint", "keys show", "envoy lint",
        "catalogue lint", "catalogue test", "catalogue show", "catalogue diff",
        "catalogue migrate", "catalogue schema",
    }  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_json_and_help(run: Run, path: tuple[str, ...]) -> None:
    ran = run(*path, "--help")
    assert ran.code == 0
    assert "--json" in ran.out
    assert "\x1b" not in ran.out


def test_completion_is_offered(run: Run) -> None:
    assert "--install-completion" in run("--help").out


def test_the_version(run: Run) -> None:
    assert run("--version").out == f"accredit {__version__}\n"


@pytest.mark.parametrize("path", [(), ("dev",), ("keys",), ("catalogue",), ("envoy",)])
def test_a_missing_command_exits_2_and_lists_them(run: Run, path: tuple[str, ...]) -> None:
    ran = run(*path)
    assert ran.code == 2
    assert "a command is missing" in ran.err


ERRORS = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, AccreditError) and error is not AccreditError
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_has_an_exit_code(error: type[AccreditError]) -> None:
    made = error.__new__(error)
    if not error.__name__.startswith("_"):
        code = exit_of(made)
        assert code in EXITS
        assert code not in {Exit.OK, Exit.NO}
        if code is Exit.DEFECT:
            assert error is errors.EngineError


def test_every_exit_code_is_explained() -> None:
    assert set(EXITS) == set(Exit)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeySetError("key `k1` is private"), 3),
        (FetchError("https://i.example/jwks", "no connection"), 4),
    ],
)
def test_an_error_is_one_paragraph(
    run: Run, bench: Bench, monkeypatch: pytest.MonkeyPatch, error: AccreditError, code: int
) -> None:
    def _raise(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(check, "_judge", _raise)
    ran = run("check", *REQUEST)
    assert (ran.code, ran.out, ran.err) == (code, "", f"accredit: {error}\n")


def test_a_defect_shows_no_traceback_and_not_its_text(
    run: Run, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = bench.token()

    def _raise(*_: object, **__: object) -> None:
        raise RuntimeError(f"cannot digest {token}")

    monkeypatch.setattr(check, "_judge", _raise)
    ran = run("check", *REQUEST, token)
    assert (ran.code, ran.out) == (5, "")
    assert ran.err.startswith("accredit: a defect: RuntimeError at ")
    assert len(ran.err.splitlines()) == 1
    assert token not in ran.err


def test_an_interrupt_exits_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def _interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "_judge", _interrupt)
    assert run("check", *REQUEST).code == 130


def test_no_output_holds_any_part_of_a_token(run: Run, bench: Bench) -> None:
    catalogue = ("--catalogue", bench.folder)
    now = ("--now", str(NOW_S))
    for token in (bench.token(), bench.token(aud="https://other.example"), bench.token() + "AAAA"):
        parts = [part for part in token.split(".") if part]
        for arguments in (
            ("check", token, *REQUEST, *catalogue, *now),
            ("check", token, *REQUEST, *catalogue, *now, "--json"),
            ("explain", token, *REQUEST, *catalogue, *now),
            ("explain", token, *REQUEST, *catalogue, *now, "--json"),
            ("explain", "--host", "api.example", "--path", f"/orders/1?access_token={token}",
             *catalogue, *now, "--json"),
            ("check", token, token),
            ("check", f"--{token}"),
            ("check", "--server", token, *REQUEST),
            ("check", "--now", token, *REQUEST),
            ("check", "--header", token, *REQUEST),
            ("status", "--server", token),
            (token,),
            ("reasons", token),
            ("keys", token),
            ("keys", "show", token, *catalogue),
            ("dev", "mint", "--issuer", token, "--audience", "a"),
        ):  # fmt: skip
            ran = run(*arguments)
            said = ran.out + ran.err
            for part in parts:
                for start in range(0, len(part) - 16, 8):
                    assert part[start : start + 16] not in said, arguments[0]
