"""Puts the commands together, and ends each of them with one paragraph and one code."""

import contextlib
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Final, NoReturn

import typer

from accredit import __version__
from accredit.cli import catalogue, check, demo, dev, envoy, keys, reasons, serve, status
from accredit.cli.exits import Exit, exit_of
from accredit.cli.output import TOKEN_PART, plain, print_text, stderr, styled
from accredit.errors import AccreditError

__all__ = ["app", "main"]

app = typer.Typer(
    name="accredit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("check")(check.check)
app.command("explain")(check.explain)
app.command("reasons")(reasons.reasons)
app.command("status")(status.status)
app.add_typer(dev.app, name="dev")
app.add_typer(keys.app, name="keys")
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(envoy.app, name="envoy")


def _print_version(asked: bool) -> None:
    if asked:
        print_text(f"accredit {__version__}")
        raise typer.Exit(Exit.OK)


@app.callback()
def accredit(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Decides over gRPC whether a token may be used here, now, by this client."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits with one of `exits.Exit`; never with a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    code: int = Exit.OK
    try:
        code = app(args=given, prog_name="accredit", standalone_mode=False) or Exit.OK
    except typer.TyperException as error:
        code = Exit.USAGE
        _complain(_usage(error, given))
    except AccreditError as error:
        code = exit_of(error)
        _complain(str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter's own flush must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.NO
    except Exception as error:  # noqa: BLE001 - the last line of defence, and it says so
        code = Exit.DEFECT
        _complain(_defect(error))
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.exit(int(code))


def _complain(text: str) -> None:
    console = stderr()
    for index, line in enumerate(TOKEN_PART.sub("(not shown)", text).splitlines() or [""]):
        head = styled("accredit: ", "bold red") if index == 0 else styled("")
        console.print(head + styled(line), soft_wrap=True)


def _usage(error: typer.TyperException, given: Sequence[str]) -> str:
    """Says what is wrong with the command line, without what may be a token."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "accredit"
    if type(error).__name__ == "NoArgsIsHelpError":
        return f"a command is missing after `{command}`\n{error.format_message()}"
    message = error.format_message().rstrip(".")
    for argument in sorted(given, key=len, reverse=True):
        if _looks_secret(argument):
            message = message.replace(argument, "(not shown)")
    message = _SECRET.sub("(not shown)", message)
    return f"{message[:1].lower()}{message[1:]}; `{command} --help` shows the usage"


# Long enough for a part of a token, and made of its letters alone.
_SECRET: Final = re.compile(r"[A-Za-z0-9_=+/-]{24,}(\.[A-Za-z0-9_=+/-]*)*|eyJ[\w.=-]*", re.ASCII)


def _looks_secret(argument: str) -> bool:
    return _SECRET.search(argument) is not None or argument.count(".") == 2  # noqa: PLR2004


def _defect(error: Exception) -> str:
    """Names the kind and the place of an exception; its text may hold what must not be shown."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "accredit" in frame.filename]
    place = f"{os.path.basename(ours[-1].filename)}:{ours[-1].lineno}" if ours else "unknown place"  # noqa: PTH119
    return (
        f"a defect: {plain(type(error).__name__)} at {place}; please report it with the command"
        " that was run, but without its token"
    )
