"""docs/catalogue.md: its examples load, and it names everything that can be written."""

import re
from pathlib import Path
from typing import get_args

import pytest

from accredit.catalogue import Catalogue, Sources, validate
from accredit.catalogue.cases import load_cases, run_cases
from accredit.catalogue.diff import diff
from accredit.catalogue.faults import RESERVED
from accredit.catalogue.lint import Code
from accredit.catalogue.patterns import fits, precedence
from accredit.catalogue.schema import schema
from accredit.settings import Settings

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "catalogue.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def load(text: str) -> Catalogue:
    return validate(Sources(Path(), (("docs/catalogue.md", text.encode()),)))


def test_the_examples_are_all_here() -> None:
    assert [text.partition("\n")[0] for text in EXAMPLES] == [
        *["accredit: catalogue/1"] * 3,
        "accredit: cases/1",
    ]


@pytest.mark.parametrize("text", EXAMPLES[:3])
def test_an_example_loads(text: str) -> None:
    whole = load(text)
    assert whole.issuers
    assert diff(whole, whole) == []


def test_the_cases_hold_for_the_first_example(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(EXAMPLES[3])
    results = list(run_cases(load(EXAMPLES[0]), load_cases(file), Settings()))
    assert [one.passed for one in results] == [True, True]


def test_every_name_is_described() -> None:
    names = {
        name
        for model in [schema(), *schema()["$defs"].values()]
        for name in model.get("properties", {})
    }
    assert {
        name for name in (*names, *RESERVED) if not re.search(rf"\b{name}\b", DOCUMENT)
    } == set()


def test_every_finding_is_described() -> None:
    table = DOCUMENT.partition("## What lint finds")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(\w+_\w+)`", table)) == set(get_args(Code))


def test_the_table_of_precedence_is_true() -> None:
    table = DOCUMENT.partition("| path | of ")[2].partition("\n\n")[0]
    patterns = re.findall(r"`(/[^`]+)`", table.partition(" decides |")[0])
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", table, re.MULTILINE)
    assert (len(patterns), len(rows)) == (3, 4)
    for path, decides in rows:
        fitting = [one for one in patterns if fits(one, tuple(path[1:].split("/")))]
        assert min(fitting, key=precedence) == decides, path
