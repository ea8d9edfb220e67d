"""What is known about the keys of one issuer, for health, status and people."""

from dataclasses import dataclass

__all__ = ["IssuerState"]


@dataclass(frozen=True, slots=True)
class IssuerState:
    """A moment's view; times are seconds since the Unix epoch.

    Attributes:
        issuer: As it stands in the catalogue.
        source: `jwks_uri`, `oidc`, `oauth`, `file` or `inline`.
        tried: Whether a first attempt has ended, well or badly.
        fetching: Whether an attempt is under way.
        keys: Usable keys in the set that the core holds; 0 where it holds none.
        skipped: Keys of that set that the core passed over.
        last_success_s: When that set was fetched; it may be before this process began.
        usable_until_s: When the set becomes too old.
        last_error: Code of the last attempt, where it failed; None where it went well.
        last_error_detail: A sentence about it, without anything of the document.
        last_error_s: When it failed.
        failures: Failed attempts since the last success.
        next_refresh_s: When the next attempt begins by itself; None where none is planned.
    """

    issuer: str
    source: str
    tried: bool = False
    fetching: bool = False
    keys: int = 0
    skipped: int = 0
    last_success_s: int | None = None
    usable_until_s: int | None = None
    last_error: str | None = None
    last_error_detail: str | None = None
    last_error_s: int | None = None
    failures: int = 0
    next_refresh_s: int | None = None

    def age_s(self, now_s: float) -> int | None:
        """Returns how old the set is; None where there is none."""
        return None if self.last_success_s is None else max(0, int(now_s) - self.last_success_s)

    def usable(self, now_s: float) -> bool:
        """Whether the core holds a set that is not too old."""
        return self.usable_until_s is not None and now_s < self.usable_until_s

    def to_json(self, now_s: float) -> dict[str, str | int | bool | None]:
        """Returns every attribute, `age_s` and `usable` as a JSON object."""
        return {
            "issuer": self.issuer,
            "source": self.source,
            "usable": self.usable(now_s),
            "age_s": self.age_s(now_s),
            "keys": self.keys,
            "skipped": self.skipped,
            "tried": self.tried,
            "fetching": self.fetching,
            "last_success_s": self.last_success_s,
            "usable_until_s": self.usable_until_s,
            "last_error": self.last_error,
            "last_error_detail": self.last_error_detail,
            "last_error_s": self.last_error_s,
            "failures": self.failures,
            "next_refresh_s": self.next_refresh_s,
        }
