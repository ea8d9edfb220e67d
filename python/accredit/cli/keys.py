"""`accredit keys show`: the keys of one issuer, as the core reads them."""

from typing import Annotated

import typer

from accredit.cli.options import CatalogueDir, Json, SettingsFile, load_settings
from accredit.cli.output import print_json, print_table, print_text, quoted, styled
from accredit.errors import FetchError, InputError, KeySetError

__all__ = ["app"]

app = typer.Typer(help="Look at issuers' keys.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """Look at issuers' keys."""


@app.command("show")
def show(
    issuer: Annotated[
        str, typer.Argument(metavar="ISSUER", help="The issuer, as the catalogue names it.")
    ],
    *,
    catalogue: CatalogueDir = None,
    settings: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Fetch or read the keys of an issuer and show what the core makes of them.

    Keys that are skipped (RFC 7517, section 5) are listed with the reason. Exits 3 where the set is
    refused and 4 where it cannot be fetched.
    """
    from accredit.cli.offline import open_offline

    offline = open_offline(load_settings(settings, catalogue), only={issuer})
    if not offline.states:
        known = ", ".join(one.issuer for one in offline.catalogue.issuers)
        raise InputError(f"the catalogue has no issuer {quoted(issuer)}; it has: {known}")
    state = offline.states[0]
    report = offline.reports.get(issuer)
    if report is None:
        detail = state.last_error_detail or "no keys"
        if state.last_error == "key_set_refused":
            raise KeySetError(f"{issuer}: the key set is refused: {detail}")
        if state.last_error == "file_unreadable":
            raise InputError(f"{issuer}: its key file cannot be read: {detail}")
        raise FetchError(issuer, detail)
    if as_json:
        print_json({"issuer": issuer, "source": state.source, **report})
        return
    print_text(styled(issuer, "bold"), f"from {state.source}")
    print_table(
        ["kid", "kind", "thumbprint (RFC 7638)"],
        [(key["kid"] or "-", key["kind"], key["thumbprint"]) for key in report["keys"]],
    )
    for skipped in report["skipped"]:
        print_text(styled(f"skipped {skipped['kid'] or '(no kid)'}: {skipped['why']}", "yellow"))
