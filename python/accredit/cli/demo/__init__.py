"""`accredit demo`: an issuer, a server and three APIs on loopback, and calls good and bad."""

import contextlib
import signal
import sys
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from accredit.cli.exits import Exit
from accredit.cli.options import Json
from accredit.cli.output import note, print_json, print_table, print_text, styled, word

__all__ = ["demo"]


def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Exit after the table; 1 if an answer is unexpected.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start a local issuer and the server, send real calls through it, and show the answers.

    Everything listens on 127.0.0.1 and is gone with the command. Without --once it stays up and
    prints commands to try next.
    """
    from accredit.cli.demo.calls import calls
    from accredit.cli.demo.site import Site
    from accredit.cli.demo.steps import next_steps

    told: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        # Unwinds, so that the server is stopped and the folder removed.
        told.append(number)
        sys.exit(Exit.OK)

    signal.signal(signal.SIGTERM, stop)
    note("starting a local issuer and the server ...")
    with Site(fixed_ports=not once) as site:
        rows = [call.send(site.check_address) for call in calls(site)]
        expected = all(row["ok"] for row in rows)
        steps = next_steps(site) if not once else []
        if as_json:
            print_json({"ok": expected, "rows": rows, **site.to_json(), "next": steps})
        else:
            _print_rows(rows)
            _print_steps(steps)
            if steps and not site.is_on_default_port:
                note("port 9191 is taken, so deploy/envoy/envoy.yaml would not find this server")
        if not once:
            # Ctrl-C is how the demo is meant to end.
            with contextlib.suppress(KeyboardInterrupt):
                site.wait(lambda: bool(told))
        if told:
            raise typer.Exit(Exit.OK)
    raise typer.Exit(Exit.OK if expected else Exit.NO)


def _print_rows(rows: list[dict[str, Any]]) -> None:
    print_table(
        ["call", "decision", "reason", "HTTP", "µs", ""],
        [
            (
                row["call"],
                word(row["decision"]),
                row["reason"],
                row["status"],
                row["microseconds"],
                word("expected" if row["ok"] else "unexpected"),
            )
            for row in rows
        ],
        right=["HTTP", "µs"],
    )
    met = sum(row["ok"] for row in rows)
    style = "bold green" if met == len(rows) else "bold red"
    print_text(styled(f"{met} of {len(rows)} answers as expected", style))


def _print_steps(steps: list[dict[str, str]]) -> None:
    if not steps:
        return
    print_text("")
    print_text(styled("The server stays up until Ctrl-C. In another terminal, here:", "bold"))
    for step in steps:
        if step["what"]:
            print_text("")
            print_text(styled(f"# {step['what']}", "dim"))
        print_text(step["command"])
    print_text("")
