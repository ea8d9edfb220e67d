"""Runs a catalogue like a program under test: tokens, requests and what must be decided.

A case is judged by the real engine with the real catalogue. Only the issuers' keys are exchanged
for keys that are made in memory, since nobody else can sign with an issuer's own.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from accredit.catalogue import yaml
from accredit.catalogue.faults import explain
from accredit.catalogue.load import read
from accredit.catalogue.migrate import CASES_FORMAT
from accredit.catalogue.model import Duration, Issuer, Moment, Resource
from accredit.catalogue.signing import Signer
from accredit.catalogue.whole import Catalogue
from accredit.engine import Engine, reasons
from accredit.errors import CatalogueError, Fault
from accredit.settings import Settings

# A signer of its own, which no issuer knows.
STRANGER: Final = "stranger"
_DEFAULT_LIFETIME_S: Final = 300
_DEFAULT_AUDIENCE: Final = "https://resource.invalid"
_LAST_S: Final = 253_402_300_799  # the last second of the year 9999


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


class TokenSpec(_Model):
    """The token of a case: by default one with every claim of RFC 9068 for what is called."""

    issuer: str | None = None
    """Whose token; by default the first issuer that the resource lists."""
    algorithm: str | None = None
    """What it is signed with; by default the first of the issuer's algorithms."""
    lifetime_s: Duration | None = Field(default=None, alias="lifetime")
    """`exp - iat`; by default 5m, or the resource's `max_lifetime` where that is less."""
    claims: dict[str, Any] = {}
    """Claims to set or replace. A null stays a null."""
    without: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Claims to leave out."""
    header: dict[str, Any] = {}
    """Header members to set or replace; null takes one away."""
    signed_by: str | None = None
    """Another issuer, or `stranger`, whose key signs instead under the same `kid`."""


class RequestSpec(_Model):
    """The request of a case."""

    resource: str | None = None
    """The resource that the gateway names."""
    method: str | None = None
    """The method."""
    host: str | None = None
    """The host, with or without a port."""
    path: str | None = None
    """The path, with or without a query."""
    headers: dict[str, str | list[str]] = {}
    """Further headers; a list is a header that stands more than once."""


class Expectation(_Model):
    """What must be decided."""

    decision: Literal["allow", "deny"]
    """The decision."""
    reason: str
    """The reason code; `ok` for an allow that nothing softened."""
    mode: Literal["report"] | None = None
    """`report` where an allow is a softened denial."""
    resource: str | None = None
    """The resource that must be found; not compared if left out."""
    client: str | None = None
    """The client that must be found; not compared if left out."""


class Case(_Model):
    """One case."""

    case: Annotated[str, Field(min_length=1, max_length=256)]
    """What it shows, a few words."""
    now_s: Moment | None = Field(default=None, alias="now")
    """When the request is judged; by default the moment of the file."""
    token: TokenSpec | None = None
    """The token; without it, the request carries none."""
    request: RequestSpec
    """What is called."""
    expect: Expectation
    """What must come of it."""


class CaseDocument(_Model):
    """One file of cases."""

    accredit: Literal["cases/1"]
    """The format."""
    now_s: Moment = Field(alias="now")
    """When requests are judged, unless a case says otherwise."""
    cases: Annotated[tuple[Case, ...], Field(strict=False, min_length=1)]
    """The cases."""


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of cases that was read."""

    file: str
    cases: CaseDocument
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case.

    Attributes:
        case: Its name.
        file: Its file.
        line: Its line in that file, counted from 1.
        passed: Whether everything expected came true.
        expected: Decision, reason and mode as expected.
        got: Decision, reason and mode as decided.
        difference: What differs besides, for example the client; empty where nothing does.
        resource: The resource that was found, or None.
    """

    case: str
    file: str
    line: int
    passed: bool
    expected: str
    got: str
    difference: str
    resource: str | None

    def to_json(self) -> dict[str, Any]:
        """Returns the result as a JSON object, with every member always present."""
        return {name: getattr(self, name) for name in self.__slots__}


def load_cases(place: Path) -> tuple[CaseFile, ...]:
    """Reads a file of cases, or every such file of a folder.

    Raises:
        CatalogueError: With every fault of every file, or where there is no case at all.
    """
    files: list[CaseFile] = []
    faults: list[Fault] = []
    for name, data in read(place).files:
        try:
            document = yaml.read(data, name)
            value = document.value
            is_cases = isinstance(value, dict) and value.get("accredit") == CASES_FORMAT
            if is_cases or not place.is_dir():
                files.append(_case_file(document))
        except CatalogueError as error:
            faults.extend(error.faults)
    if not files and not faults:
        remedy = f"write a file that begins with `accredit: {CASES_FORMAT}`"
        faults.append(Fault("holds no cases", str(place), remedy=remedy))
    if faults:
        raise CatalogueError(faults)
    return tuple(files)


def _case_file(document: yaml.Document) -> CaseFile:
    try:
        cases = CaseDocument.model_validate(document.value)
    except ValidationError as error:
        raise CatalogueError(explain(error, CaseDocument, document, ())) from None
    known = {entry["code"] for entry in reasons()}
    faults = [
        document.fault(
            ("cases", index, "expect", "reason"),
            f"`{reason}` is no reason code",
            "see docs/reasons.md",
        )
        for index, case in enumerate(cases.cases)
        if (reason := case.expect.reason) not in known
    ]
    if faults:
        raise CatalogueError(faults)
    lines = tuple(document.line(("cases", index)) for index in range(len(cases.cases)))
    return CaseFile(document.file, cases, lines)


def run_cases(
    catalogue: Catalogue, files: Iterable[CaseFile], settings: Settings
) -> Iterator[CaseResult]:
    """Judges each case and yields what became of it, in order.

    Raises:
        CatalogueError: A case asks for a token that cannot be made; it names the case.
    """
    bench = _Bench(catalogue, settings)
    for file in files:
        for case, line in zip(file.cases.cases, file.lines, strict=True):
            now_s = file.cases.now_s if case.now_s is None else case.now_s
            try:
                yield bench.run(case, now_s, file.file, line)
            except ValueError as error:
                message, _, remedy = str(error).partition("; ")
                fault = Fault(message, file.file, line, f"case `{case.case}`", remedy)
                raise CatalogueError([fault]) from None


class _Bench:
    """The engine under test, with keys of its own for each issuer."""

    def __init__(self, catalogue: Catalogue, settings: Settings) -> None:
        self._catalogue = catalogue
        self._engine = Engine(settings.engine_json())
        self._signers = {one.issuer: Signer(one.algorithms) for one in catalogue.issuers}
        self._stranger = Signer(
            tuple(dict.fromkeys(name for one in catalogue.issuers for name in one.algorithms))
        )
        self._engine.load_catalogue(catalogue.compiled())
        for name, signer in self._signers.items():
            # As the last word: there is no later fetch in which another key could come, and a case
            # in another year does not make the keys too old.
            self._engine.set_keys(
                name, signer.jwks(), requested_at_ms=_LAST_S * 1_000, usable_until_s=_LAST_S
            )

    def run(self, case: Case, now_s: int, file: str, line: int) -> CaseResult:
        question: dict[str, Any] = {"at": now_s, **case.request.model_dump(exclude_none=True)}
        if case.token is not None:
            question["token"] = self._token(case.token, self._resource(question, now_s), now_s)
        answer = self._ask(question, now_s)
        expected = _line(case.expect.decision, case.expect.reason, case.expect.mode)
        got = _line(answer["decision"], answer["reason"], answer.get("mode"))
        wanted = {"resource": case.expect.resource, "client": case.expect.client}
        difference = ", ".join(
            f"{name} is {answer.get(name)}, not {value}"
            for name, value in wanted.items()
            if value is not None and answer.get(name) != value
        )
        passed = expected == got and not difference
        resource = answer.get("resource")
        return CaseResult(case.case, file, line, passed, expected, got, difference, resource)

    def _ask(self, question: Mapping[str, Any], now_s: int) -> dict[str, Any]:
        line = json.dumps(question, ensure_ascii=False).encode()
        answer: dict[str, Any] = json.loads(self._engine.query(line, now_ms=now_s * 1_000))
        return answer

    def _resource(self, question: Mapping[str, Any], now_s: int) -> Resource | None:
        """Returns the resource that the request is for, as the engine finds it."""
        found = self._ask(question, now_s)["resource"]
        return self._catalogue.resource(found) if isinstance(found, str) else None

    def _token(self, spec: TokenSpec, resource: Resource | None, now_s: int) -> str:
        issuer = self._issuer(spec, resource)
        algorithm = spec.algorithm or issuer.algorithms[0]
        claims = _default_claims(spec, issuer, resource, now_s) | spec.claims
        kept = {name: value for name, value in claims.items() if name not in spec.without}
        header = {"typ": "at+jwt" if issuer.profile.legacy is None else "JWT", **spec.header}
        return self._signer(spec.signed_by or issuer.issuer).sign(header, kept, algorithm)

    def _issuer(self, spec: TokenSpec, resource: Resource | None) -> Issuer:
        if spec.issuer is not None:
            names: tuple[str, ...] = (spec.issuer,)
        elif resource is not None:
            names = resource.issuers
        else:
            names = tuple(one.issuer for one in self._catalogue.issuers)
        found = self._catalogue.issuer(names[0]) if names else None
        if found is None:
            msg = "names no issuer of the catalogue; put another `iss` into the claims instead"
            raise ValueError(msg)
        return found

    def _signer(self, name: str) -> Signer:
        signer = self._stranger if name == STRANGER else self._signers.get(name)
        if signer is None:
            msg = f"is signed by nobody known; name an issuer of the catalogue, or {STRANGER}"
            raise ValueError(msg)
        return signer


def _line(decision: str, reason: str, mode: str | None) -> str:
    return " ".join(part for part in (decision, reason, mode) if part)


def _default_claims(
    spec: TokenSpec, issuer: Issuer, resource: Resource | None, now_s: int
) -> dict[str, Any]:
    longest_s = resource.max_lifetime_s if resource is not None else _DEFAULT_LIFETIME_S
    lifetime_s = spec.lifetime_s or min(_DEFAULT_LIFETIME_S, longest_s)
    claims: dict[str, Any] = {
        "aud": resource.resource if resource is not None else _DEFAULT_AUDIENCE,
        "client_id": "client-1",
        "exp": now_s + lifetime_s,
        "iat": now_s,
        "iss": issuer.issuer,
        "jti": "token-1",
        "sub": "subject-1",
    }
    legacy = issuer.profile.legacy
    if legacy is not None:
        claims[legacy.client] = claims.pop("client_id")
        claims |= legacy.marker
    return claims


__all__ = [
    "Case",
    "CaseDocument",
    "CaseFile",
    "CaseResult",
    "Expectation",
    "RequestSpec",
    "TokenSpec",
    "load_cases",
    "run_cases",
]
