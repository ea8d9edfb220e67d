"""`accredit envoy lint`: does every request reach Accredit, whole, and does no mean no?"""

from pathlib import Path
from typing import Annotated

import typer

from accredit.cli.exits import Exit
from accredit.cli.options import Json
from accredit.cli.output import print_json, print_text, styled, word

__all__ = ["app"]

app = typer.Typer(help="Judge gateway configurations.", no_args_is_help=True)


@app.callback()
def envoy() -> None:
    """Judge gateway configurations."""


@app.command("lint")
def lint(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Envoy's bootstrap or config_dump, Istio's or Envoy Gateway's resources.",
        ),
    ],
    *,
    as_json: Json = False,
) -> None:
    """Find each setting of a gateway that would undo decisions. Exits 1 on an error."""
    from accredit.gateway.envoy_lint import fails, lint_file

    findings = lint_file(file)
    failed = fails(findings)
    if as_json:
        print_json({"ok": not failed, "findings": [finding.to_json() for finding in findings]})
    else:
        for finding in findings:
            row = finding.to_json()
            print_text(word(row["severity"]), styled(row["rule"], "bold"), row["path"])
            print_text(f"  {row['found']}")
            print_text(f"  {row['why']}")
            print_text(styled(f"  {row['remedy']}", "dim"))
        errors = sum(finding.to_json()["severity"] == "error" for finding in findings)
        print_text(
            styled(f"{file}: ", "bold")
            + styled(f"{errors} errors, {len(findings) - errors} warnings")
        )
    raise typer.Exit(Exit.NO if failed else Exit.OK)
