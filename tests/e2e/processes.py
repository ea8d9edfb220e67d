"""Real servers as child processes: start, wait until ready, stop by the id that was started."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

# The machines that run this are small and busy; readiness is waited for, never assumed.
START_S = 60.0
STOP_S = 15.0


class Server:
    """A child process with its output in a file.

    Args:
        name: For messages, and the name of the log file.
        command: Program and arguments.
        folder: Where the log goes and the process runs.
        environ: Variables over this process's own, less every `ACCREDIT_` one.
        ready: Whether the server answers yet; may raise OSError while it does not.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        folder: Path,
        ready: Callable[[], bool],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [str(part) for part in command]
        self._folder = folder
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("ACCREDIT_")}
        self._environ = inherited | dict(environ or {})
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environ, stdout=log, stderr=log
            )
        deadline_s = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None:
                code = self._process.returncode
                raise AssertionError(f"{self.name} left with {code}:\n{self.output()}")
            if time.monotonic() > deadline_s:
                self.kill()
                raise AssertionError(f"{self.name} was not ready:\n{self.output()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return self._ready()
        except (OSError, urllib.error.URLError):
            return False

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    def output(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to it alone."""
        os.kill(self.pid, number)

    def stop(self) -> int:
        """Asks it to end, waits, and returns its exit code; it is killed where it does not."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.terminate()
        try:
            code = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._process = None
        return code

    def kill(self) -> None:
        """Ends it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            # It may have been stopped by a test that failed halfway.
            self.send(signal.SIGCONT)
        self.stop()


def answers_200(url: str) -> bool:
    """Whether a plain GET gives 200 within a second."""
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def wait_until(test: Callable[[], bool], *, within_s: float = 20.0, what: str) -> None:
    """Waits for a state that must come; fails where it has not."""
    deadline_s = time.monotonic() + within_s
    while not test():
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s: {what}"
        time.sleep(0.05)
