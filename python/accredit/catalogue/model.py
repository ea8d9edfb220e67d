"""What a catalogue can say: issuers, resources and routes, as their YAML has it.

The published JSON Schema is made from these models, so a description here is what operators read.
A model is frozen, strict about types and closed to unknown names. Names that belong to steps that
are not built yet are unknown too, and `faults.py` says so in words of their own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from accredit.catalogue import texts
from accredit.catalogue.durations import (
    DURATION_PATTERN,
    MOMENT_PATTERN,
    parse_duration_s,
    parse_moment_s,
)

FORMAT: Final = "catalogue/1"
DAY_S: Final = 86_400
MAX_REPORT_S: Final = 90 * DAY_S
MAX_LIFETIME_S: Final = 30 * DAY_S
DEFAULT_LIFETIME_S: Final = 3_600
DEFAULT_FAMILY_MAX: Final = 4
MAX_FAMILY: Final = 16
MAX_LIST: Final = 1_024

# In the order of the core's table. EdDSA is the older name of Ed25519 (RFC 9864, section 2.2).
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512",
    "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512",
    "Ed25519", "EdDSA",
)  # fmt: skip
DEFAULT_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "Ed25519")


class Context:
    """What a document is judged with, besides itself.

    Args:
        folder: Where relative key files are looked for.
        loopback_http: Whether `insecure.loopback_http` is set.
    """

    def __init__(self, folder: Path, *, loopback_http: bool) -> None:
        self.folder = folder
        self.loopback_http = loopback_http


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        use_attribute_docstrings=True,
        validate_by_name=False,
        validate_by_alias=True,
    )


def _loopback_http(info: ValidationInfo) -> bool:
    return isinstance(info.context, Context) and info.context.loopback_http


def _issuer(text: str, info: ValidationInfo) -> str:
    return texts.issuer_url(text, loopback_http=_loopback_http(info))


def _fetched(text: str, info: ValidationInfo) -> str:
    return texts.fetched_url(text, loopback_http=_loopback_http(info))


def _duration(value: object) -> object:
    if not isinstance(value, str):
        msg = "is no duration; write a whole number and a unit, such as 30s, 15m, 24h or 7d"
        raise ValueError(msg)  # noqa: TRY004 - pydantic gathers ValueError
    return parse_duration_s(value)


def _moment(value: object) -> object:
    if not isinstance(value, str):
        msg = "is no moment in UTC; write a date such as 2027-01-01 or 2027-01-01T12:00:00Z"
        raise ValueError(msg)  # noqa: TRY004 - pydantic gathers ValueError
    return parse_moment_s(value)


def _algorithm(name: str) -> str:
    if name in ALGORITHMS:
        return name
    if name.lower() == "none" or name.upper().startswith("HS"):
        msg = "is never accepted: whoever can read the catalogue could sign with it; remove it"
    elif name == "Ed448":
        msg = "is not supported; use Ed25519"
    else:
        msg = f"is no known algorithm; use some of {', '.join(ALGORITHMS[:-1])}"
    raise ValueError(msg)


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            msg = f"holds `{value}` twice; remove one"
            raise ValueError(msg)
    return values


def _text(pattern: str, example: str) -> Any:
    return Field(json_schema_extra={"pattern": pattern, "examples": [example]})


Label = Annotated[str, Field(min_length=1, max_length=256)]
IssuerUrl = Annotated[
    str, AfterValidator(_issuer), _text(texts.URI_PATTERN, "https://issuer.example")
]
FetchedUrl = Annotated[
    str, AfterValidator(_fetched), _text(texts.URI_PATTERN, "https://issuer.example/jwks")
]
ResourceUri = Annotated[
    str,
    AfterValidator(texts.resource_uri),
    _text(texts.URI_PATTERN, "https://api.example/orders"),
]
Host = Annotated[str, AfterValidator(texts.host_pattern), _text(texts.HOST_PATTERN, "api.example")]
PathPattern = Annotated[
    str, AfterValidator(texts.path_pattern), _text(texts.PATH_PATTERN, "/v1/orders/**")
]
Method = Annotated[str, AfterValidator(texts.method), _text(texts.METHOD_PATTERN, "GET")]
Scope = Annotated[str, AfterValidator(texts.scope_token), _text(texts.SCOPE_PATTERN, "orders:read")]
Duration = Annotated[
    int,
    BeforeValidator(
        _duration, json_schema_input_type=Annotated[str, _text(DURATION_PATTERN, "15m")]
    ),
]
Moment = Annotated[
    int,
    BeforeValidator(
        _moment, json_schema_input_type=Annotated[str, _text(MOMENT_PATTERN, "2027-01-01")]
    ),
]
# YAML has lists; `strict` would want tuples.
_LIST: Final = Field(strict=False, min_length=1, max_length=MAX_LIST)
_ANY_LIST: Final = Field(strict=False, max_length=MAX_LIST)
_DISTINCT: Final = AfterValidator(_distinct)
# Claims that say nothing of the kind of token (OpenID Connect Core, section 2).
_OF_EVERY_TOKEN: Final = frozenset(
    [
        "acr",
        "amr",
        "at_hash",
        "aud",
        "auth_time",
        "azp",
        "client_id",
        "exp",
        "iat",
        "iss",
        "jti",
        "nbf",
        "nonce",
        "sid",
        "sub",
    ]
)


class KeySource(_Model):
    """Where an issuer's keys come from: exactly one of these."""

    jwks_uri: FetchedUrl | None = None
    """A key set (RFC 7517) behind this URL."""
    file: Path | None = Field(default=None, strict=False)
    """A key set in this file; relative to the catalogue's folder."""
    inline: Mapping[str, Any] | None = None
    """A key set written here: `{keys: […]}`."""
    discovery: Literal["oidc", "oauth"] | None = None
    """The `jwks_uri` of the issuer's metadata: `oidc` is OpenID Connect Discovery, `oauth` RFC
    8414."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_fields_set) != 1 or self.kind is None:
            msg = "needs exactly one of jwks_uri, file, inline and discovery"
            raise ValueError(msg)
        return self

    @model_validator(mode="before")
    @classmethod
    def _find_file(cls, value: object, info: ValidationInfo) -> object:
        context = info.context
        if isinstance(value, dict) and isinstance(context, Context):
            file = value.get("file")
            if isinstance(file, str):
                if not file or "\0" in file:
                    msg = "names no file; write a path relative to the catalogue's folder"
                    raise ValueError(msg)
                return {**value, "file": context.folder / file}
        return value

    @property
    def kind(self) -> Literal["jwks_uri", "file", "inline", "discovery"] | None:
        """Returns which of the sources is given; never None once validated."""
        if self.jwks_uri is not None:
            return "jwks_uri"
        if self.file is not None:
            return "file"
        if self.inline is not None:
            return "inline"
        return "discovery" if self.discovery is not None else None


class Opening(_Model):
    """A private address range that one issuer's host may resolve to."""

    host: Annotated[str, AfterValidator(texts.plain_host), _text(texts.HOST_PATTERN, "sso.corp")]
    """The host of the URL that is fetched, exactly."""
    cidr: Annotated[str, AfterValidator(texts.cidr), _text("^[0-9a-f.:]+/[0-9]+$", "10.0.4.0/24")]
    """The range, at most a /8 (IPv4) or a /32 (IPv6)."""


def _marker(value: dict[str, str]) -> dict[str, str]:
    common = sorted(_OF_EVERY_TOKEN & value.keys())
    if common:
        msg = f"holds `{common[0]}`, which an ID token has too; name what only an access token has"
        raise ValueError(msg)
    return value


class LegacyProfile(_Model):
    """An issuer older than RFC 9068: which claims stand in for those of the standard."""

    client: Literal["client_id", "azp", "cid", "appid"]
    """The claim that names the client."""
    scope: Literal["scope", "scp"]
    """The claim that holds the scopes."""
    marker: Annotated[
        dict[Label, Label], Field(min_length=1, max_length=8), AfterValidator(_marker)
    ]
    """Payload members, and the text that each must equal, that only an access token has. Without a
    marker an ID token would do."""


class Profile(_Model):
    """How an issuer's access tokens look; without `legacy`, as RFC 9068 says."""

    legacy: LegacyProfile | None = None


class _LegacyOnly(_Model):
    """The form in which a catalogue writes a profile that is not `rfc9068`."""

    legacy: LegacyProfile


def _profile(value: object) -> object:
    if value == "rfc9068":
        return {}
    if not isinstance(value, dict) or value.get("legacy", ()) is None or not value:
        msg = "is no profile; write rfc9068, or {legacy: {client: …, scope: …, marker: {…}}}"
        raise ValueError(msg)
    return value


def _scopes(value: object) -> object:
    if isinstance(value, str):
        msg = "is no list of scopes; write it in [brackets]"
        raise ValueError(msg)  # noqa: TRY004 - pydantic gathers ValueError
    return {"all": value} if isinstance(value, list) else value


class ScopeRule(_Model):
    """Which scopes a token needs: all of a list, or any of it."""

    all: Annotated[tuple[Scope, ...], _ANY_LIST, _DISTINCT] | None = None
    """Every one of them. An empty list needs no scope."""
    any: Annotated[tuple[Scope, ...], _LIST, _DISTINCT] | None = None
    """At least one of them."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.all is None) == (self.any is None):
            msg = "needs exactly one of all and any; a plain list means all"
            raise ValueError(msg)
        return self

    @property
    def is_empty(self) -> bool:
        """Whether no scope is needed."""
        return self.all == ()

    def implies(self, other: "ScopeRule") -> bool:
        """Whether every set of scopes that satisfies this rule satisfies `other` too."""
        mine = set(self.all or self.any or ())
        theirs = set(other.all or other.any or ())
        if other.all is not None:
            # Of `any`, each scope may come alone.
            return (
                theirs <= mine
                if self.all is not None
                else not theirs or (mine == theirs and len(mine) == 1)
            )
        return bool(theirs & mine) if self.all is not None else mine <= theirs

    def __str__(self) -> str:
        """Renders the rule for people."""
        if self.is_empty:
            return "no scope"
        word = "all of" if self.all is not None else "any of"
        return f"{word} {' '.join(self.all or self.any or ())}"


Scopes = Annotated[
    ScopeRule,
    BeforeValidator(
        _scopes,
        json_schema_input_type=Annotated[list[Scope], Field(max_length=MAX_LIST)] | ScopeRule,
    ),
]


class Issuer(_Model):
    """An authorization server whose tokens some resources accept."""

    issuer: IssuerUrl
    """Its identifier: an https URL without query and fragment, equal to `iss` by code point."""
    keys: KeySource
    """Where its keys come from."""
    algorithms: Annotated[
        tuple[
            Annotated[
                str,
                AfterValidator(_algorithm),
                Field(json_schema_extra={"enum": list(ALGORITHMS)}),
            ],
            ...,
        ],
        _LIST,
        _DISTINCT,
    ] = DEFAULT_ALGORITHMS
    """The algorithms that its access tokens may be signed with (RFC 7518, RFC 9864)."""
    profile: Annotated[
        Profile,
        BeforeValidator(_profile, json_schema_input_type=Literal["rfc9068"] | _LegacyOnly),
    ] = Profile()
    """How its access tokens look: `rfc9068`, or `{legacy: {client, scope, marker}}`."""
    network: Annotated[tuple[Opening, ...], _ANY_LIST, _DISTINCT] = ()
    """Private address ranges that its host may resolve to. Without an entry, public ones alone."""


class Audience(_Model):
    """Which audiences a token for a resource may have."""

    mode: Literal["exactly_one", "any", "family"]
    """`exactly_one`: the resource alone. `any`: the resource and whatever else. `family`: the
    resource, and of others only `members`."""
    members: Annotated[tuple[ResourceUri, ...], _LIST, _DISTINCT] | None = None
    """The family, with or without the resource itself."""
    max: Annotated[int, Field(ge=2, le=MAX_FAMILY)] | None = None
    """How large the family may be; 4 if not given."""

    @model_validator(mode="after")
    def _fits_its_mode(self) -> Self:
        if self.mode != "family":
            if self.members is not None or self.max is not None:
                msg = f"has mode {self.mode} and a family; remove members and max"
                raise ValueError(msg)
        elif self.members is None:
            msg = "is a family without members; list them"
            raise ValueError(msg)
        elif len(self.members) > self.family_max:
            msg = (
                f"has {len(self.members)} members, more than max {self.family_max};"
                " make the family smaller, or raise max"
            )
            raise ValueError(msg)
        return self

    @property
    def family_max(self) -> int:
        """Returns how many members the family may have."""
        return DEFAULT_FAMILY_MAX if self.max is None else self.max


class Selectors(_Model):
    """Statements of a gateway that mean this resource, besides its URI."""

    route_metadata: Annotated[tuple[Label, ...], _ANY_LIST, _DISTINCT] = ()
    """Values of the key that `selectors.route_metadata` in the settings names."""
    destination_principal: Annotated[tuple[Label, ...], _ANY_LIST, _DISTINCT] = ()
    """Values of `destination.principal`, for example SPIFFE ids."""


class Route(_Model):
    """Paths and methods of a resource, and what they need."""

    hosts: Annotated[tuple[Host, ...], _ANY_LIST, _DISTINCT] = ()
    """Exact hosts in lower case; without a port, ports 80 and 443 are meant as well. A route
    without hosts is reached only where a selector names the resource."""
    paths: Annotated[tuple[PathPattern, ...], _LIST, _DISTINCT]
    """Literal segments, `*` for exactly one segment, `**` at the end for any number of them."""
    methods: Annotated[tuple[Method, ...], _LIST, _DISTINCT]
    """The methods, compared exactly."""
    scopes: Scopes | None = None
    """What a token needs: a list is all of it; `{all: […]}` or `{any: […]}`. Required unless the
    route is public; `[]` says that no scope is needed."""
    access: Literal["token", "public"] = "token"
    """`public` lets everybody in, without credential and without identity headers."""
    cors_preflight: bool = False
    """Let CORS preflights for these methods through."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.access == "token":
            if self.scopes is None:
                msg = "has no scopes; list them, or write `scopes: []` where none is needed"
                raise ValueError(msg)
            return self
        if self.scopes is not None:
            msg = "is public and has scopes; remove one of the two"
            raise ValueError(msg)
        if not self.hosts:
            msg = "is public and names no hosts; list them exactly"
            raise ValueError(msg)
        for path in self.paths:
            if "*" in path:
                msg = f"is public and has the wildcard path `{path}`; list each path exactly"
                raise ValueError(msg)
        return self


def _registration(value: object) -> object:
    if isinstance(value, str) and value in {"required", "reported"}:
        msg = (
            "needs the registry, which this version does not have;"
            ' write `registration: "off"` or leave it out'
        )
        raise ValueError(msg)
    return value


class Resource(_Model):
    """A protected API."""

    resource: ResourceUri
    """Its identifier (RFC 8707, section 2), equal to `aud` by code point."""
    owner: Label | None = None
    """The team that answers for it; needed in report mode."""
    issuers: Annotated[tuple[IssuerUrl, ...], _LIST, _DISTINCT]
    """The issuers whose tokens it accepts; each must be an issuer of the catalogue."""
    audience: Audience = Audience(mode="exactly_one")
    """How broad a token's audience may be."""
    max_lifetime_s: Annotated[Duration, Field(le=MAX_LIFETIME_S, alias="max_lifetime")] = (
        DEFAULT_LIFETIME_S
    )
    """The longest `exp - iat` of a token, at most 30d; 1h if not given."""
    mode: Literal["enforce", "report"] = "enforce"
    """`report` lets denied requests pass without identity and records what would have been denied,
    from `report_since` until before `report_until`."""
    report_since_s: Moment | None = Field(default=None, alias="report_since")
    """The first moment of report mode, UTC, inclusive."""
    report_until_s: Moment | None = Field(default=None, alias="report_until")
    """The end of report mode, UTC, exclusive; at most 90 days after `report_since`."""
    registration: Annotated[
        Literal["off"],
        BeforeValidator(_registration, json_schema_input_type=Literal["off"]),
    ] = "off"
    """Whether the client must be registered; only `off` until the registry exists."""
    paths: Literal["refuse", "resolve"] = "refuse"
    """What is done with a path that is not canonical: `refuse` it, or `resolve` dot segments and
    empty segments, which is safe only behind a gateway that does the same."""
    scopes: Scopes | None = None
    """What a request needs that names no path; without it such requests are denied."""
    metadata_url: FetchedUrl | None = None
    """Where the protected resource metadata is (RFC 9728), if not where section 3.1 derives."""
    cors_preflight: bool = False
    """Let CORS preflights through on every route."""
    selectors: Selectors = Selectors()
    """Statements of a gateway that mean this resource."""
    routes: Annotated[tuple[Route, ...], _ANY_LIST] = ()
    """What can be called."""

    @model_validator(mode="after")
    def _report_is_bounded(self) -> Self:
        since, until = self.report_since_s, self.report_until_s
        if self.mode == "enforce":
            if since is not None or until is not None:
                msg = "has report dates in enforce mode; remove them, or write `mode: report`"
                raise ValueError(msg)
            return self
        if since is None or until is None:
            msg = "is in report mode without both report_since and report_until; give both"
            raise ValueError(msg)
        if not 0 < until - since <= MAX_REPORT_S:
            msg = "has a report window that is empty or longer than 90 days; bring the dates closer"
            raise ValueError(msg)
        if self.owner is None:
            msg = "is in report mode without owner; whoever softens a check answers for it"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.scopes is not None and self.scopes.is_empty:
            msg = "has empty scopes for requests that name no path; list some, or remove them"
            raise ValueError(msg)
        if not self.routes and self.scopes is None:
            msg = "has neither routes nor scopes, so every request is denied; add a route"
            raise ValueError(msg)
        return self


class Document(_Model):
    """One file of a catalogue; the lists of several files are joined."""

    accredit: Literal["catalogue/1"]
    """The format."""
    issuers: tuple[Issuer, ...] = Field(default=(), strict=False)
    """The authorization servers."""
    resources: tuple[Resource, ...] = Field(default=(), strict=False)
    """The protected APIs."""
