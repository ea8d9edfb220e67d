"""Reads a token and a request from the command line into check JSON."""

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from accredit.errors import InputError

__all__ = [
    "Headers",
    "Host",
    "Method",
    "RequestPath",
    "Resource",
    "Token",
    "TokenFile",
    "question",
]

Token = Annotated[
    str | None,
    typer.Argument(
        metavar="TOKEN",
        help="The token; `-` reads it from stdin, which other users of the host cannot see."
        " Without one, a request without credential is judged.",
        show_default=False,
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="Read the token from a file."),
]
Resource = Annotated[
    str | None,
    typer.Option("--resource", metavar="URI", help="Name the resource, as a gateway may."),
]
Method = Annotated[
    str | None,
    typer.Option("--method", metavar="NAME", help="HTTP method; GET where a path is given."),
]
Host = Annotated[str | None, typer.Option("--host", metavar="HOST", help="Host of the request.")]
RequestPath = Annotated[
    str | None, typer.Option("--path", metavar="PATH", help="Path of the request, with its query.")
]
Headers = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="'NAME: VALUE'", help="A further header; may be repeated."),
]

_STDIN: Final = "-"
# Far above any token that is accepted: a wrong file is noticed, and a long token still judged.
_TOKEN_FILE_MAX_BYTES: Final = 1_048_576


def question(
    *,
    token: str | None,
    token_file: Path | None,
    resource: str | None,
    method: str | None,
    host: str | None,
    path: str | None,
    headers: list[str] | None,
) -> dict[str, Any]:
    """Returns the question in check JSON.

    Raises:
        InputError: The token cannot be read, a header is no header, or no API is named.
    """
    if resource is None and host is None:
        raise InputError(
            "no API is named; say which request is meant with --host and --path, or --resource"
        )
    asked: dict[str, Any] = {
        "token": _token(token, token_file),
        "resource": resource,
        "method": method or ("GET" if path is not None else None),
        "host": host,
        "path": path,
        "headers": _headers(headers or []),
    }
    return {name: value for name, value in asked.items() if value}


def _token(token: str | None, file: Path | None) -> str | None:
    if token is not None and file is not None:
        raise InputError("a token and --token-file are both given; keep one")
    if file is None and token != _STDIN:
        return token
    try:
        if file is None:
            data = sys.stdin.buffer.read(_TOKEN_FILE_MAX_BYTES + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(_TOKEN_FILE_MAX_BYTES + 1)
        text = data.decode("ascii")
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise InputError(f"{file or 'stdin'}: cannot be read: {reason}") from None
    except UnicodeDecodeError:
        raise InputError(f"{file or 'stdin'}: is not ASCII, so it holds no token") from None
    if len(data) > _TOKEN_FILE_MAX_BYTES:
        raise InputError(f"{file or 'stdin'}: is too long to be a token; name another file")
    # The newline that an editor or `echo` leaves is not part of the token.
    return text.strip("\r\n")


def _headers(lines: list[str]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            # Not quoted: it may be a credential.
            raise InputError("a --header has no name or no colon; write --header 'name: value'")
        headers.setdefault(name.strip().lower(), []).append(value.strip(" \t"))
    return headers
