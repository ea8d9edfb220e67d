"""What passes without a token that holds, through real Envoy: report mode and CORS preflights."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.caller import call
from tests.e2e.conftest import ORDERS, Site
from tests.e2e.processes import wait_until

TRIAL = "https://api.example/trial"
SPOOFED = [
    ("x-accredit-subject", "admin"),
    ("x-accredit-role", "admin"),
    ("x-accredit-mode", "enforce"),
    ("x-accredit-mode", "none"),
]


class TrialSite(Site):
    """The two APIs, and a third in report mode, whose browser clients send preflights."""

    def catalogue(self) -> dict[str, Any]:
        document = super().catalogue()
        today = datetime.now(UTC).date()
        document["resources"].append(
            {
                "resource": TRIAL,
                "owner": "trial-team",
                "issuers": [self.issuer.issuer],
                "mode": "report",
                "report_since": str(today - timedelta(days=1)),
                "report_until": str(today + timedelta(days=30)),
                "cors_preflight": True,
                "routes": [
                    {
                        "hosts": ["api.example"],
                        "paths": ["/trial/**"],
                        "methods": ["GET", "PUT"],
                        "scopes": ["trial:use"],
                    }
                ],
            }
        )
        return document


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = TrialSite(tmp_path_factory.mktemp("site"))
    yield made
    made.close()


def would_denials(site: Site) -> list[dict[str, Any]]:
    return [record for record in site.accredit.records() if record.get("mode") == "report"]


@pytest.mark.attack(3)
@pytest.mark.parametrize(
    ("token", "reason"),
    [("none", "credential_missing"), ("sibling", "audience_mismatch"),
     ("expired", "token_expired"), ("scope", "scope_insufficient"),
     ("garbage", "token_malformed")],
)  # fmt: skip
def test_report_mode_passes_without_identity_and_says_what_it_would_deny(
    site: Site, token: str, reason: str
) -> None:
    shown = {
        "none": None,
        "sibling": site.token("trial:use", ORDERS),
        "expired": site.token("trial:use", TRIAL, now_s=int(time.time()) - 900, lifetime_s=300),
        "scope": site.token("trial:look", TRIAL),
        "garbage": "a.b",
    }[token]
    before = len(would_denials(site))
    reply = call(site.envoy().port, "/trial/1", token=shown, headers=SPOOFED)
    assert reply.status == 200
    (received,) = site.upstream.take()
    assert received.ours() == {"x-accredit-mode": ["report"]}
    wait_until(lambda: len(would_denials(site)) > before, what="the would-deny is recorded")
    record = would_denials(site)[-1]
    assert (record["decision"], record["reason"], record["resource"]) == ("allow", reason, TRIAL)
    # The client is known from the signature on.
    assert ("client" in record) == (token in {"sibling", "expired", "scope"})


def test_a_right_token_has_its_identity_in_report_mode_too(site: Site) -> None:
    right = site.token("trial:use", TRIAL)
    assert call(site.envoy().port, "/trial/1", token=right, headers=SPOOFED).status == 200
    (received,) = site.upstream.take()
    assert received.header("x-accredit-subject") == ["partner"]
    assert received.header("x-accredit-mode") == []


def test_report_mode_softens_no_second_credential_and_no_path_out_of_form(site: Site) -> None:
    port, right = site.envoy().port, site.token("trial:use", TRIAL)
    second = [("authorization", "Bearer a.b.c")]
    assert call(port, "/trial/1", token=right, headers=second).status == 400
    assert call(port, "/trial/1;x", token=right).status == 400
    assert call(port, f"/trial/1?access_token={right}").status == 400
    assert site.upstream.take() == []


PREFLIGHT = [("origin", "https://shop.example"), ("access-control-request-method", "PUT")]


@pytest.mark.parametrize(
    ("target", "headers", "mode"),
    [
        ("/trial/1", PREFLIGHT, None),
        # In report mode what is no preflight passes too, and is said to.
        ("/trial/1", PREFLIGHT[:1], ["report"]),
        ("/trial/1", [*PREFLIGHT, PREFLIGHT[1]], ["report"]),
        ("/trial/1", [PREFLIGHT[0], ("access-control-request-method", "DELETE")], ["report"]),
    ],
)
def test_a_preflight_needs_origin_and_one_listed_method(
    site: Site, target: str, headers: list[tuple[str, str]], mode: list[str] | None
) -> None:
    reply = call(site.envoy().port, target, method="OPTIONS", headers=[*headers, *SPOOFED])
    assert reply.status == 200
    (received,) = site.upstream.take()
    assert received.ours().get("x-accredit-mode") == mode
    assert set(received.ours()) <= {"x-accredit-mode", "x-accredit-decision-id"}


def test_no_preflight_passes_where_the_catalogue_has_none(site: Site) -> None:
    headers = [PREFLIGHT[0], ("access-control-request-method", "GET")]
    assert call(site.envoy().port, "/orders/1", method="OPTIONS", headers=headers).status == 403
    assert site.upstream.take() == []
