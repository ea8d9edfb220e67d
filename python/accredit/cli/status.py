"""`accredit status`: one screen about a running server."""

import time
from typing import Annotated, Any

import typer

from accredit.cli.exits import Exit
from accredit.cli.options import Json, SettingsFile, load_settings
from accredit.cli.output import (
    duration,
    moment,
    plain,
    print_json,
    print_table,
    print_text,
    styled,
    word,
)

__all__ = ["status"]


def status(
    *,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="ADDRESS",
            help="Its `listen.http`; that of the settings if not given.",
        ),
    ] = None,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Show a running server: version, catalogue, issuers' keys, and what softens checks.

    Exits 0 where it is ready to decide, 1 where it is not, 4 where nobody answers.
    """
    from accredit.cli.local_http import get_json

    answer = get_json(server or load_settings(settings).listen.http.address, "/status")
    ready = answer.get("ready") is True
    if as_json:
        print_json(answer)
    else:
        _print(answer, ready=ready)
    raise typer.Exit(Exit.OK if ready else Exit.NO)


def _print(answer: dict[str, Any], *, ready: bool) -> None:
    now_s = time.time()
    state = styled("ready", "bold green") if ready else styled("not ready", "bold red")
    print_text(styled(f"accredit {plain(answer.get('version', '?'))}", "bold"), state)
    digest = answer.get("catalogue_digest") or "none loaded"
    print_text(f"catalogue {digest}", f"{answer.get('resources', 0)} resources")
    if answer.get("catalogue_fault"):
        print_text(
            styled("the last reload was refused, the older one serves: ", "bold red")
            + styled(answer["catalogue_fault"])
        )
    print_text("")
    print_table(
        ["issuer", "keys from", "state", "keys", "age", "good until", "last error"],
        [_issuer(issuer, now_s) for issuer in answer.get("issuers", [])],
        right=["keys", "age"],
    )
    print_text("")
    softeners = answer.get("softeners", [])
    if not softeners:
        print_text("nothing softens a check")
        return
    print_table(
        ["softener", "resource", "owner", "until", "left"],
        [
            (
                word(str(one.get("kind", "report"))),
                one.get("resource", ""),
                one.get("owner") or "-",
                moment(one.get("until_s")),
                duration((one.get("until_s") or 0) - now_s),
            )
            for one in softeners
        ],
    )


def _issuer(issuer: dict[str, Any], now_s: float) -> tuple[object, ...]:
    usable = issuer.get("usable") is True
    error = issuer.get("last_error")
    fetched = issuer.get("last_success_s")
    return (
        issuer.get("issuer", ""),
        issuer.get("source", ""),
        word("usable" if usable else "unusable"),
        issuer.get("keys", 0),
        duration(None if fetched is None else now_s - fetched),
        moment(issuer.get("usable_until_s")),
        styled(error, "red") if error else "-",
    )
