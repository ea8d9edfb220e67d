"""`accredit check` and `accredit explain`: one question, or a file of them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accredit.cli.exits import Exit
from accredit.cli.options import CatalogueDir, Json, Now, SettingsFile, load_settings, now_ms
from accredit.cli.output import moment, print_json, print_table, print_text, styled, word
from accredit.cli.question import (
    Headers,
    Host,
    Method,
    RequestPath,
    Resource,
    Token,
    TokenFile,
    question,
)
from accredit.errors import InputError

if TYPE_CHECKING:
    from accredit.engine import Engine

__all__ = ["check", "explain"]


def check(
    token: Token = None,
    *,
    token_file: TokenFile = None,
    resource: Resource = None,
    method: Method = None,
    host: Host = None,
    path: RequestPath = None,
    header: Headers = None,
    catalogue: CatalogueDir = None,
    settings: SettingsFile = None,
    now: Now = None,
    server: Annotated[
        str | None,
        typer.Option(
            "--server", metavar="ADDRESS", help="Ask a running server as a gateway does (gRPC)."
        ),
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            "--batch",
            metavar="FILE",
            help="Judge JSON lines from FILE, or `-` for stdin; answer one JSON line each.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge a token and a request: against a catalogue, or at a running server.

    Offline, the keys of the catalogue's issuers are read or fetched once. Exits 0 on allow and 1 on
    deny; with --batch, 0 once every line is answered.
    """
    asked = (token, token_file, resource, method, host, path, header)
    if batch is not None:
        if any(one is not None for one in asked) or server is not None:
            raise InputError("--batch takes its questions from the file; leave the others out")
        _batch(batch, catalogue, settings, now)
        return
    line = question(
        token=token, token_file=token_file, resource=resource, method=method, host=host,
        path=path, headers=header,
    )  # fmt: skip
    if server is not None:
        if catalogue is not None or now is not None:
            raise InputError("--server judges by its own catalogue and clock; leave ours out")
        from accredit.cli.ext_authz import ask

        answer = ask(server, line)
    else:
        answer = _judge(line, catalogue, settings, now, explained=False)
    if as_json:
        print_json(answer)
    else:
        _print_decision(answer)
    raise typer.Exit(Exit.OK if answer["decision"] == "allow" else Exit.NO)


def explain(
    token: Token = None,
    *,
    token_file: TokenFile = None,
    resource: Resource = None,
    method: Method = None,
    host: Host = None,
    path: RequestPath = None,
    header: Headers = None,
    catalogue: CatalogueDir = None,
    settings: SettingsFile = None,
    now: Now = None,
    as_json: Json = False,
) -> None:
    """Judge as `check` does, and show every step with the facts it used."""
    line = question(
        token=token, token_file=token_file, resource=resource, method=method, host=host,
        path=path, headers=header,
    )  # fmt: skip
    answer = _judge(line, catalogue, settings, now, explained=True)
    if as_json:
        print_json(answer)
    else:
        _print_decision(answer)
        _print_steps(answer)
    raise typer.Exit(Exit.OK if answer["decision"] == "allow" else Exit.NO)


def _engine(catalogue: Path | None, settings: Path | None) -> "Engine":
    from accredit.cli.offline import open_offline, warn_of_missing_keys

    offline = open_offline(load_settings(settings, catalogue))
    warn_of_missing_keys(offline)
    return offline.engine


def _judge(
    line: dict[str, Any],
    catalogue: Path | None,
    settings: Path | None,
    now: str | None,
    *,
    explained: bool,
) -> dict[str, Any]:
    at_ms = now_ms(now)
    engine = _engine(catalogue, settings)
    reply = engine.query(json.dumps(line).encode(), now_ms=at_ms, explain=explained)
    answer: dict[str, Any] = json.loads(reply)
    return answer


def _batch(file: str, catalogue: Path | None, settings: Path | None, now: str | None) -> None:
    from accredit.cli.batch import run_batch

    at_ms = now_ms(now) if now is not None else None
    run_batch(file, lambda: _engine(catalogue, settings), now_ms=at_ms)


def _print_decision(answer: dict[str, Any]) -> None:
    from accredit.engine import reasons

    decision, reason = answer["decision"], answer["reason"]
    resource = answer.get("resource") or "no resource"
    softened = answer.get("mode") == "report"
    line: list[object] = [
        styled(decision.upper(), "bold green" if decision == "allow" else "bold red")
    ]
    if reason != "ok":
        line.append(styled(reason, "bold yellow" if softened else "bold red"))
    line.append(resource)
    if answer.get("client"):
        line.append(f"client {answer['client']}")
    if answer.get("expires_at") is not None:
        line.append(f"expires {moment(answer['expires_at'])}")
    if answer.get("status") is not None:
        line.append(f"HTTP {answer['status']}")
    print_text(*line)
    entry = next((one for one in reasons() if one["code"] == reason), None)
    if entry is None or reason == "ok":
        return
    if softened:
        print_text(styled("  report mode lets this pass; enforced, it would be denied:", "yellow"))
    if answer.get("claim"):
        print_text(f"  claim `{answer['claim']}`")
    print_text(f"  {entry['meaning']}")
    print_text(styled(f"  {entry['remedy']}", "dim"))


def _print_steps(answer: dict[str, Any]) -> None:
    rows = []
    for number, step in enumerate(answer["steps"], start=1):
        facts = ", ".join(f"{name} {value}" for name, value in step["facts"])
        verdict = step["verdict"]
        shown = "" if verdict in {"not_asked", "not_reached"} and not facts else facts
        rows.append((number, step["step"], word(verdict), step.get("reason", ""), shown))
    print_text("")
    print_table(["", "step", "verdict", "reason", "facts"], rows, right=[""])
    print_text("")
    print_text(f"HTTP {answer['status']}")
    for name, value in answer["headers"]:
        print_text(f"  {name}: {value}")
    print_text(f"decision {answer['decision_id']}, blame {answer['blame']}")
    if answer.get("catalogue_digest"):
        print_text(styled(f"catalogue {answer['catalogue_digest']}", "dim"))
