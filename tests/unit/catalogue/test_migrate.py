"""Formats, and the way from an older one to the current one."""

from typing import Any

import pytest

from accredit.catalogue.migrate import STEPS, Migrated, Step, format_fault, migrate

CURRENT = {"accredit": "catalogue/1", "resources": []}


def test_the_current_format_has_nothing_to_migrate() -> None:
    assert STEPS == {}
    assert migrate(CURRENT) == Migrated(CURRENT, ())


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"accredit": "catalogue/2"}, "`catalogue/2` is no known format; this version reads `catalogue/1`"),
        ({"accredit": "catalogue/0"}, "`catalogue/0` is no known format; this version reads `catalogue/1`"),
        ({"accredit": "cases/1"}, "`cases/1` is no known format; this version reads `catalogue/1`"),
        ({"accredit": 1}, "is no known format; this version reads `catalogue/1`"),
        ({"accredit": "x" * 99}, "is no known format; this version reads `catalogue/1`"),
        ({"issuers": []}, "states no format; begin with `accredit: catalogue/1`"),
        ({}, "states no format; begin with `accredit: catalogue/1`"),
        ([], "is not a mapping; begin with `accredit: catalogue/1`"),
        (None, "is not a mapping; begin with `accredit: catalogue/1`"),
    ],
)  # fmt: skip
def test_an_unknown_format_is_refused(document: Any, expected: str) -> None:
    assert format_fault(document) == expected
    with pytest.raises(ValueError) as caught:
        migrate(document)
    assert str(caught.value) == expected


def test_steps_lead_from_an_older_format_to_the_current_one() -> None:
    steps: dict[str, Step] = {
        "old/1": lambda document: {**document, "accredit": "old/2", "resources": document["apis"]},
        "old/2": lambda document: {
            "accredit": "catalogue/1", "resources": document["resources"],
        },
    }  # fmt: skip
    old = {"accredit": "old/1", "apis": []}
    assert migrate(old, steps) == Migrated(CURRENT, ("old/1", "old/2"))
    assert format_fault(old, steps) == (
        "is in the older format `old/1`; run `accredit catalogue migrate`"
    )


@pytest.mark.parametrize("result", ["loop/1", "nowhere/1"])
def test_a_step_that_leads_nowhere_ends(result: str) -> None:
    with pytest.raises(ValueError, match="; "):
        migrate({"accredit": "loop/1"}, {"loop/1": lambda _: {"accredit": result}})
