"""`accredit catalogue`: lint, test, show, compare, migrate, and the schema for editors."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accredit.cli.exits import Exit
from accredit.cli.options import CatalogueDir, Json, Now, SettingsFile, load_settings, now_ms
from accredit.cli.output import moment, note, print_json, print_table, print_text, styled, word

if TYPE_CHECKING:
    from accredit.catalogue import Catalogue
    from accredit.catalogue.cases import CaseResult
    from accredit.catalogue.model import Resource, Route, ScopeRule

__all__ = ["app"]

app = typer.Typer(help="Work on a catalogue.", no_args_is_help=True)

Place = Annotated[
    Path | None,
    typer.Argument(
        metavar="DIR", help="Folder or file; `catalogue.dir` of the settings if not given."
    ),
]


@app.command("lint")
def lint(
    place: Place = None, *, settings: SettingsFile = None, now: Now = None, as_json: Json = False
) -> None:
    """Find what a schema cannot: shadowed routes, missing owners, unused issuers and the like.

    Exits 1 where there is a warning; notes alone exit 0.
    """
    from accredit.catalogue.lint import lint as find
    from accredit.engine import Engine

    read = _load(place, settings)
    # What passes here must load at the server too.
    Engine(load_settings(settings).engine_json()).load_catalogue(read.compiled())
    findings = find(read, now_s=now_ms(now) // 1_000)
    warned = any(finding.severity == "warning" for finding in findings)
    if as_json:
        print_json(
            {
                "ok": not warned,
                "catalogue_digest": read.digest,
                "findings": [finding.to_json() for finding in findings],
            }
        )
    else:
        for finding in findings:
            where = f"{finding.file}:{finding.line}" if finding.line else finding.file
            print_text(word(finding.severity), styled(finding.code, "bold"), where)
            print_text(f"  {finding.subject}: {finding.message}")
            print_text(styled(f"  {finding.remedy}", "dim"))
        warnings = sum(finding.severity == "warning" for finding in findings)
        print_text(
            f"{len(read.resources)} resources, {len(read.issuers)} issuers:"
            f" {warnings} warnings, {len(findings) - warnings} notes"
        )
    raise typer.Exit(Exit.NO if warned else Exit.OK)


@app.command("show")
def show(place: Place = None, *, settings: SettingsFile = None, as_json: Json = False) -> None:
    """Show what a catalogue says. With --json, the compiled document that decisions come from."""
    read = _load(place, settings)
    if as_json:
        print_json({"catalogue_digest": read.digest, "compiled": json.loads(read.compiled())})
        return
    print_table(
        ["issuer", "keys", "profile", "algorithms"],
        [
            (
                issuer.issuer,
                issuer.keys.kind or "",
                "legacy" if issuer.profile.legacy else "rfc9068",
                " ".join(issuer.algorithms),
            )
            for issuer in read.issuers
        ],
    )
    for resource in read.resources:
        print_text("")
        _print_resource(resource)
    print_text("")
    print_text(styled(f"digest {read.digest}", "dim"))


@app.command("test")
def run_tests(
    cases: Annotated[
        Path | None,
        typer.Argument(
            metavar="CASES",
            help="File of cases, or a folder; that of the catalogue if not given.",
        ),
    ] = None,
    *,
    catalogue: CatalogueDir = None,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Run YAML test cases against a catalogue, like unit tests. Exits 1 where one fails.

    Without --catalogue, cases are run against the catalogue that they stand beside.
    """
    from accredit.catalogue.cases import load_cases, run_cases

    if catalogue is None and cases is not None:
        catalogue = cases if cases.is_dir() else cases.parent
    loaded = load_settings(settings, catalogue)
    read = _load(None, settings) if catalogue is None else _load(catalogue, settings)
    files = load_cases(cases or loaded.catalogue.dir)
    results = list(run_cases(read, files, loaded))
    failed = sum(not result.passed for result in results)
    if as_json:
        print_json(
            {
                "ok": not failed,
                "catalogue_digest": read.digest,
                "results": [result.to_json() for result in results],
            }
        )
    else:
        print_table(
            ["", "case", "decision", "expected"],
            [
                (
                    word("passed" if result.passed else "failed"),
                    result.case,
                    result.got,
                    "" if result.passed else _expected(result),
                )
                for result in results
            ],
        )
        print_text(styled(f"{len(results) - failed} of {len(results)} cases passed", "bold"))
    raise typer.Exit(Exit.NO if failed else Exit.OK)


@app.command("diff")
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder or file.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Folder or file.")],
    *,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Say what a change of the catalogue makes looser. Exits 1 where something becomes looser."""
    from accredit.catalogue.diff import diff as compare

    before, after = _load(old, settings), _load(new, settings)
    changes = compare(before, after)
    looser = any(change.kind == "looser" for change in changes)
    if as_json:
        print_json(
            {
                "looser": looser,
                "old_digest": before.digest,
                "new_digest": after.digest,
                "changes": [change.to_json() for change in changes],
            }
        )
    elif changes:
        print_table(
            ["", "subject", "what", "before", "after"],
            [
                (word(change.kind), change.subject, change.what, change.before, change.after)
                for change in changes
            ],
        )
    else:
        print_text("no decision changes")
    raise typer.Exit(Exit.NO if looser else Exit.OK)


@app.command("migrate")
def migrate(
    place: Place = None,
    *,
    settings: SettingsFile = None,
    write: Annotated[
        bool, typer.Option("--write", help="Replace the files; otherwise they are only named.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring documents of an older format to the current one; an unknown format is refused."""
    from accredit.cli.migrate import migrate_files

    files = migrate_files(place or load_settings(settings).catalogue.dir, write=write)
    if as_json:
        print_json({"written": write, "files": files})
        return
    for file in files:
        came = " -> ".join([*file["came_through"], file["format"]])
        print_text(file["file"], came if file["came_through"] else "is current")
    if not write and any(file["came_through"] for file in files):
        note("nothing was written; --write replaces the files")


@app.command("schema")
def schema(*, as_json: Json = False) -> None:
    """Print the JSON Schema of catalogue documents, for editors; with --json on one line."""
    from accredit.catalogue import schema as published

    if as_json:
        print_json(published.schema())
    else:
        typer.echo(published.schema_text(), nl=False)


def _load(place: Path | None, settings: Path | None) -> "Catalogue":
    from accredit import catalogue

    loaded = load_settings(settings, place)
    return catalogue.load(loaded.catalogue.dir, loaded)


def _expected(result: "CaseResult") -> str:
    place = f"{result.file}:{result.line}"
    return "; ".join(part for part in (result.expected, result.difference, place) if part)


def _print_resource(resource: "Resource") -> None:
    from accredit.catalogue.durations import format_duration_s

    facts: list[Any] = [
        styled(resource.resource, "bold"),
        f"owner {resource.owner or '-'}",
        f"audience {resource.audience.mode}",
        f"lifetime {format_duration_s(resource.max_lifetime_s)}",
    ]
    if resource.mode == "report":
        until = moment(resource.report_until_s)
        facts.append(styled(f"report until {until}", "bold yellow"))
    print_text(*facts)
    print_text(f"  accepts {' '.join(resource.issuers)}")
    print_table(
        ["  methods", "hosts", "paths", "needs"],
        [
            (
                "  " + " ".join(route.methods),
                " ".join(route.hosts) or "(by selector)",
                " ".join(route.paths),
                _needs(route),
            )
            for route in resource.routes
        ],
    )
    if resource.scopes is not None:
        print_text(f"  without a path: {_scopes(resource.scopes)}")


def _needs(route: "Route") -> Any:
    if route.access == "public":
        return styled("nothing (public)", "yellow")
    if route.scopes is None or route.scopes.is_empty:
        return "a token"
    return _scopes(route.scopes)


def _scopes(rule: "ScopeRule") -> str:
    if rule.any is not None:
        return f"any of {' '.join(rule.any)}"
    return " ".join(rule.all or ())
