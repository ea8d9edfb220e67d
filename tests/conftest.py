"""What every test may use: the published vectors, free ports, and the book of what really ran."""

import json
import os
import signal
import socket
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

ROOT = Path(__file__).resolve().parent.parent
# `make test` empties it first; each process writes files of its own, so none has to lock.
REPORT = ROOT / ".cache" / "report"


def vectors_folder() -> Path | None:
    """Return the folder of published vectors: `ACCREDIT_VECTORS`, else one beside the checkout."""
    named = os.environ.get("ACCREDIT_VECTORS")
    if named:
        folder = Path(named)
        if not folder.is_dir():
            message = f"ACCREDIT_VECTORS names {folder}, which is no folder"
            raise pytest.UsageError(message)
        return folder
    beside = [ROOT / "tests/vectors/data"]
    beside += [base / "shared/vectors" for base in (ROOT, *ROOT.parents[:2])]
    return next((folder for folder in beside if folder.is_dir()), None)


def _note(name: str, **entry: object) -> None:
    REPORT.mkdir(parents=True, exist_ok=True)
    with (REPORT / f"{name}-{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def note_part(part: str, version: str) -> None:
    """Enter a real part (a server, not a stub) that has answered a call in this run."""
    _note("parts", part=part, version=version)


def note_vectors(name: str, *, ran: int, skipped: int, runner: str = "python") -> None:
    """Enter how many cases of a vector set a test ran, and how many it skipped by name."""
    _note("vectors", set=name, runner=runner, ran=ran, skipped=skipped)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Takes back what a test set for all loggers of the process."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Lets programs that tests start be interrupted, though whoever runs us may ignore that.

    A background job of a shell ignores SIGINT, and so would every program that it starts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of published vectors; the test is skipped where there is none."""
    folder = vectors_folder()
    if folder is None:
        pytest.skip("no published vectors: set ACCREDIT_VECTORS to the folder that holds them")
    return folder


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    return free_port()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a developer's own `ACCREDIT_*` variables and terminal away from the tests."""
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name in list(os.environ):
        if name.startswith("ACCREDIT_") and name != "ACCREDIT_VECTORS":
            monkeypatch.delenv(name)


def _entries(name: str) -> Iterator[dict[str, object]]:
    for path in sorted(REPORT.glob(f"{name}-*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Forget what an earlier run noted: the book is about this one."""
    if not hasattr(session.config, "workerinput"):
        for name in ("parts", "vectors"):
            for path in REPORT.glob(f"{name}-*.jsonl"):
                path.unlink()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each real part with its version, and each vector set with its counts."""
    versions: dict[str, set[str]] = defaultdict(set)
    for entry in _entries("parts"):
        versions[str(entry["part"])].add(str(entry["version"]))
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for entry in _entries("vectors"):
        counts[str(entry["set"])][0] += int(str(entry["ran"]))
        counts[str(entry["set"])][1] += int(str(entry["skipped"]))
    if versions:
        terminalreporter.section("real parts")
        for part, seen in sorted(versions.items()):
            terminalreporter.write_line(f"{part}: {', '.join(sorted(seen))}")
    if counts:
        terminalreporter.section("vectors")
        for name, (ran, skipped) in sorted(counts.items()):
            terminalreporter.write_line(f"{name}: {ran} run, {skipped} skipped")
