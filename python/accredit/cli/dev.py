"""`accredit dev`: a local issuer, and tokens of it, for tests and demos."""

import contextlib
import http.client
import json
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from accredit.cli.options import Json
from accredit.cli.output import note, print_json, print_text, styled
from accredit.errors import InputError, ServerError

__all__ = ["app"]

app = typer.Typer(help="A local issuer and its tokens, for tests and demos.", no_args_is_help=True)

_LOOPBACK: Final = "127.0.0.1"
_TIMEOUT_S: Final = 5
_ANSWER_MAX_BYTES: Final = 1_048_576


class Spoil(StrEnum):
    """How `accredit dev mint` can spoil a token."""

    NONE_ALG = "alg-none"
    TAMPERED = "tampered"


@app.command("issuer")
def issuer(
    *,
    port: Annotated[
        int,
        typer.Option(
            "--port",
            metavar="PORT",
            min=0,
            max=65_535,
            help="Port on 127.0.0.1; 0 picks a free one.",
        ),
    ] = 9_190,
    address: Annotated[
        str, typer.Option("--address", metavar="IP", help="127.0.0.1; any other is refused.")
    ] = _LOOPBACK,
    algorithm: Annotated[
        list[str] | None,
        typer.Option("--algorithm", metavar="ALG", help="Sign with this; may be repeated."),
    ] = None,
    lifetime_s: Annotated[
        int,
        typer.Option("--lifetime", metavar="SECONDS", min=1, help="Seconds that its tokens live."),
    ] = 300,
    as_json: Json = False,
) -> None:
    """Run a local issuer with discovery and key rotation; it gives a token to anyone.

    It makes new keys at each start, speaks http on 127.0.0.1 alone and refuses any other address.
    """
    from accredit.dev.issuer import DEFAULT_ALGORITHMS, DevIssuer

    try:
        running = DevIssuer(
            address=address,
            port=port,
            algorithms=tuple(algorithm or DEFAULT_ALGORITHMS),
            token_lifetime_s=lifetime_s,
        )
    except ValueError as error:
        raise InputError(str(error)) from None
    if as_json:
        print_json({"issuer": running.issuer, "jwks_uri": running.jwks_uri})
    else:
        print_text("issuer", styled(running.issuer, "bold"))
        print_text("keys", running.jwks_uri)
        print_text("token", f"accredit dev mint --issuer {running.issuer} --audience URI")
        note("keys are new at each start; Ctrl-C ends it")
    # Ctrl-C is how it is meant to end.
    with contextlib.suppress(KeyboardInterrupt):
        running.serve_forever()


@app.command("mint")
def mint(
    *,
    issuer_url: Annotated[
        str,
        typer.Option("--issuer", metavar="URL", help="A dev issuer that runs on 127.0.0.1."),
    ] = f"http://{_LOOPBACK}:9190",
    audience: Annotated[
        list[str],
        typer.Option("--audience", metavar="URI", help="The `aud`; may be repeated."),
    ],
    scope: Annotated[
        str | None,
        typer.Option("--scope", metavar="SCOPES", help="Scopes, separated by one space."),
    ] = None,
    client: Annotated[
        str, typer.Option("--client", metavar="ID", help="The `client_id`.")
    ] = "demo",
    subject: Annotated[
        str | None,
        typer.Option("--subject", metavar="ID", help="The `sub`; the client where not given."),
    ] = None,
    lifetime_s: Annotated[
        int, typer.Option("--lifetime", metavar="SECONDS", help="Seconds from `iat` to `exp`.")
    ] = 300,
    age_s: Annotated[
        int, typer.Option("--age", metavar="SECONDS", help="Seconds since `iat`.")
    ] = 0,
    algorithm: Annotated[
        str | None, typer.Option("--algorithm", metavar="ALG", help="Sign with this.")
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            "--claim", metavar="NAME=JSON", help="Set a claim; NAME= removes it; may be repeated."
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            metavar="NAME=JSON",
            help="Set a header member; NAME= removes it; may be repeated.",
        ),
    ] = None,
    spoil: Annotated[
        Spoil | None,
        typer.Option(
            "--spoil", metavar="alg-none|tampered", help="Spoil the token after it was signed."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a token of a running dev issuer, right or wrong as the options say."""
    from accredit.dev.mint import access_token_claims, tampered, unsigned

    claims = access_token_claims(
        issuer=issuer_url,
        client=client,
        audience=audience[0] if len(audience) == 1 else audience,
        now_s=int(time.time()) - age_s,
        scope=scope,
        subject=subject,
        lifetime_s=lifetime_s,
    )
    for name, value in _members(claim, "--claim"):
        if value is _REMOVED:
            claims.pop(name, None)
        else:
            claims[name] = value
    members = {
        name: None if value is _REMOVED else value for name, value in _members(header, "--header")
    }
    asked = {"claims": claims, "header": members, "algorithm": algorithm}
    token = _post(issuer_url, "/mint", asked)["access_token"]
    if spoil is Spoil.NONE_ALG:
        token = unsigned(token)
    elif spoil is Spoil.TAMPERED:
        token = tampered(token, claims={"sub": "somebody-else"})
    if as_json:
        print_json({"access_token": token, "claims": claims})
    else:
        typer.echo(token)


_REMOVED: Final = object()


def _members(given: list[str] | None, option: str) -> list[tuple[str, object]]:
    members: list[tuple[str, object]] = []
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"{option} needs NAME=JSON, for example {option} 'amr=[\"otp\"]'")
        if not value:
            members.append((name, _REMOVED))
            continue
        try:
            members.append((name, json.loads(value)))
        except ValueError:
            members.append((name, value))  # text without quotes is meant as text
    return members


def _post(issuer_url: str, path: str, document: Mapping[str, object]) -> dict[str, Any]:
    try:
        parts = urlsplit(issuer_url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "http" or parts.hostname != _LOOPBACK or not port:
        raise InputError(f"--issuer is no dev issuer; write http://{_LOOPBACK}:PORT")
    connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", path, json.dumps(document), {"content-type": "application/json"})
        response = connection.getresponse()
        body = response.read(_ANSWER_MAX_BYTES)
        if response.status != http.client.OK:
            raise ServerError(
                f"{issuer_url} refused with status {response.status}; does it sign with this"
                " algorithm?"
            )
        answer: dict[str, Any] = json.loads(body)
    except (OSError, http.client.HTTPException, ValueError):
        raise ServerError(
            f"no dev issuer answers at {issuer_url}; start one with `accredit dev issuer`"
        ) from None
    finally:
        connection.close()
    return answer
