"""How a set of published vectors is run: every case counted, every skip named with its reason."""

from collections.abc import Callable

from tests.conftest import note_vectors


class Book:
    """One set, or a part of one, while it is run.

    Args:
        name: The folder of the set.
        skips: Names of cases that are not run, each with the reason.
    """

    def __init__(self, name: str, skips: dict[str, str] | None = None) -> None:
        self._name = name
        self._skips = skips or {}
        self._seen: set[str] = set()
        self._ran = 0
        self._wrong: list[str] = []

    def case(self, name: str, check: Callable[[], object]) -> None:
        """Runs a case, unless its name is among the skips; a failure is kept for the end."""
        assert name not in self._seen, f"two cases are named {name}"
        self._seen.add(name)
        if name in self._skips:
            return
        try:
            check()
        except AssertionError as error:
            self._wrong.append(f"{name}: {error}")
        self._ran += 1

    def end(self, cases: int) -> None:
        """Ends the set. The number is changed by hand with the files, so that a lost file fails."""
        assert self._skips.keys() <= self._seen, "a skip names no case"
        assert not self._wrong, "\n".join(self._wrong)
        assert len(self._seen) == cases
        note_vectors(self._name, ran=self._ran, skipped=len(self._skips))
