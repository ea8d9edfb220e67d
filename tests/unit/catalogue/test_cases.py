"""Cases: judged by the real engine, with tokens made for them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from accredit import catalogue
from accredit.catalogue import Catalogue
from accredit.catalogue.cases import CaseResult, load_cases, run_cases
from accredit.catalogue.model import ALGORITHMS
from accredit.errors import CatalogueError
from accredit.settings import Settings

Read = Callable[..., Catalogue]
EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "catalogue"
CALL = "request: {method: GET, host: api.example, path: /orders/1}"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., list[CaseResult]]:
    def of(whole: Catalogue, *cases: str, now: str = "2027-01-15") -> list[CaseResult]:
        file = tmp_path / "cases.yaml"
        lines = "".join(f"  - {{case: c{index}, {case}}}\n" for index, case in enumerate(cases))
        file.write_text(f"accredit: cases/1\nnow: {now}\ncases:\n{lines}")
        return list(run_cases(whole, load_cases(file), Settings()))

    return of


Run = Callable[..., list[CaseResult]]


def test_the_shipped_cases_hold() -> None:
    whole = catalogue.load(EXAMPLES, Settings())
    results = list(run_cases(whole, load_cases(EXAMPLES), Settings()))
    assert len(results) == 15
    assert [one for one in results if not one.passed] == []


@pytest.mark.parametrize(
    ("case", "got"),
    [
        ("token: {claims: {scope: 'orders:read'}}", "allow ok"),
        ("", "deny credential_missing"),
        ("token: {}", "deny scope_insufficient"),
        ("token: {claims: {scope: 'orders:read', sub: null}}", "deny claim_null"),
        ("token: {claims: {scope: 'orders:read', sub: 1}}", "deny claim_type"),
        ("token: {without: [aud], claims: {scope: 'orders:read'}}", "deny claim_absent"),
        ("token: {claims: {iss: 'https://nobody.example'}}", "deny issuer_unknown"),
        ("token: {lifetime: 2h}", "deny lifetime_too_long"),
        ("token: {header: {typ: JWT}}", "deny type_refused"),
        ("token: {header: {kid: other}}", "deny key_unknown"),
        ("token: {header: {alg: none}}", "deny algorithm_refused"),
        ("token: {header: {kid: null}, claims: {scope: 'orders:read'}}", "allow ok"),
        ("token: {signed_by: stranger}", "deny signature_invalid"),
        ("token: {signed_by: 'https://other.example'}", "deny signature_invalid"),
        ("token: {issuer: 'https://other.example'}", "deny issuer_not_accepted"),
    ],
)  # fmt: skip
def test_a_token_is_made_as_the_case_says(
    read: Read, minimal: str, run: Run, case: str, got: str
) -> None:
    whole = read(minimal.replace(
        "resources:", "  - {issuer: https://other.example, keys: {discovery: oidc}}\nresources:"
    ))  # fmt: skip
    text = f"{case}, {CALL}" if case else CALL
    decision, _, reason = got.partition(" ")
    (result,) = run(whole, f"{text}, expect: {{decision: {decision}, reason: {reason}}}")
    assert (result.got, result.passed) == (got, True)
    (result,) = run(whole, f"{text}, expect: {{decision: deny, reason: internal}}")
    assert (result.got, result.passed) == (got, False)
    assert result.expected == "deny internal"
    assert result.line == 4


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_can_sign(read: Read, minimal: str, run: Run, algorithm: str) -> None:
    whole = read(minimal.replace("/jwks}", f"/jwks}}\n    algorithms: [{algorithm}]"))
    expect = "expect: {decision: allow, reason: ok}"
    (result,) = run(whole, f"token: {{claims: {{scope: 'orders:read'}}}}, {CALL}, {expect}")
    assert result.passed, result


def test_a_legacy_issuer_gets_its_own_claims(read: Read, minimal: str, run: Run) -> None:
    legacy = "profile: {legacy: {client: azp, scope: scp, marker: {typ: Bearer}}}"
    whole = read(minimal.replace("/jwks}", f"/jwks}}\n    {legacy}"))
    expect = "expect: {decision: allow, reason: ok, client: client-1}"
    results = run(
        whole,
        f"token: {{claims: {{scp: ['orders:read']}}}}, {CALL}, {expect}",
        f"token: {{without: [typ], claims: {{scp: ['orders:read']}}}}, {CALL},"
        " expect: {decision: deny, reason: not_access_token}",
    )
    assert [one.passed for one in results] == [True, True]


def test_report_mode_is_judged_at_the_moment_of_the_case(
    read: Read, minimal: str, run: Run
) -> None:
    report = "mode: report\n    report_since: 2027-01-01\n    report_until: 2027-02-01\n    routes:"
    whole = read(minimal.replace("routes:", report))
    softened = "expect: {decision: allow, reason: credential_missing, mode: report}"
    denied = "expect: {decision: deny, reason: credential_missing}"
    results = run(
        whole,
        f"{CALL}, {softened}",
        f"now: 2026-12-31T23:59:59Z, {CALL}, {denied}",
        f"now: 2027-01-01, {CALL}, {softened}",
        f"now: 2027-01-31T23:59:59Z, {CALL}, {softened}",
        f"now: 2027-02-01, {CALL}, {denied}",
        f"now: 2027-02-01, {CALL}, {softened}",
    )
    assert [one.passed for one in results] == [True] * 5 + [False]
    assert results[5].expected == "allow credential_missing report"


def test_resource_and_client_are_compared_where_the_case_names_them(
    read: Read, minimal: str, run: Run
) -> None:
    token = "token: {claims: {scope: 'orders:read'}}"
    found = "https://api.example/orders"
    results = run(
        read(minimal),
        f"{token}, {CALL}, expect: {{decision: allow, reason: ok, resource: '{found}', client: client-1}}",
        f"{token}, {CALL}, expect: {{decision: allow, reason: ok, resource: 'a:b', client: me}}",
    )
    assert [one.passed for one in results] == [True, False]
    assert results[1].difference == f"resource is {found}, not a:b, client is client-1, not me"
    assert results[0].resource == found


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("token: {issuer: 'https://nobody.example'}", "names no issuer of the catalogue; put another `iss` into the claims instead"),
        ("token: {signed_by: nobody}", "is signed by nobody known; name an issuer of the catalogue, or stranger"),
        ("token: {algorithm: ES512}", "there is no key for ES512; name one of the issuer's algorithms"),
        ("token: {algorithm: none}", "there is no key for none; name one of the issuer's algorithms"),
    ],
)  # fmt: skip
def test_a_token_that_cannot_be_made_is_a_fault_of_the_case(
    *, read: Read, minimal: str, run: Run, tmp_path: Path, case: str, expected: str
) -> None:
    with pytest.raises(CatalogueError) as caught:
        run(read(minimal), f"{case}, {CALL}, expect: {{decision: deny, reason: ok}}")
    assert str(caught.value) == f"{tmp_path}/cases.yaml:4: case `c0`: {expected}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accredit: cases/1\ncases: []", ["cases: is empty; give at least one", "now: is missing; write it"]),
        ("accredit: cases/2", ["accredit: `cases/2` is not one of the choices; use 'cases/1'"]),
        ("accredit: cases/1\nnow: today\ncases: [{case: a, request: {}, expect: {decision: allow, reason: ok}}]", ["now: `today` is no moment in UTC; write a date such as 2027-01-01 or 2027-01-01T12:00:00Z"]),
        ("accredit: cases/1\nnow: 2027-01-01\ncases: [{case: a, request: {}, expect: {decision: allow, reason: fine}}]", ["cases[0].expect.reason: `fine` is no reason code; see docs/reasons.md"]),
        ("accredit: cases/1\nnow: 2027-01-01\ncases: [{case: a, request: {url: x}, expect: {decision: maybe, reason: ok}}]",
         ["cases[0].expect.decision: `maybe` is not one of the choices; use 'allow' or 'deny'", "cases[0].request.url: unknown name; remove it"]),
    ],
)  # fmt: skip
def test_a_wrong_case_file_does_not_load(tmp_path: Path, text: str, expected: list[str]) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(text)
    with pytest.raises(CatalogueError) as caught:
        load_cases(file)
    shown = sorted(str(fault).partition(": ")[2] for fault in caught.value.faults)
    assert [one for one in shown if one in expected] == expected


def test_a_folder_without_cases_is_a_fault(tmp_path: Path, minimal: str) -> None:
    (tmp_path / "catalogue.yaml").write_text(minimal)
    with pytest.raises(CatalogueError, match="holds no cases"):
        load_cases(tmp_path)
