"""Which files are read, and what is said where they cannot be."""

import os
from pathlib import Path

import pytest

from accredit import catalogue
from accredit.errors import CatalogueError
from accredit.settings import Settings


def with_issuer(keys: str, issuer: str) -> str:
    return f"accredit: catalogue/1\nissuers:\n  - {{issuer: '{issuer}', {keys}}}\n"


def test_a_folder_is_read_by_its_yaml_files(tmp_path: Path, minimal: str) -> None:
    (tmp_path / "a.yaml").write_text(minimal)
    (tmp_path / "b.yml").write_text("accredit: catalogue/1\n")
    (tmp_path / "cases.yaml").write_text("accredit: cases/1\nanything: at all\n")
    (tmp_path / ".hidden.yaml").write_text("nonsense: [")
    (tmp_path / "notes.txt").write_text("nonsense: [")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "c.yaml").write_text("nonsense: [")
    whole = catalogue.load(tmp_path, Settings())
    assert [one.resource for one in whole.resources] == ["https://api.example/orders"]
    assert catalogue.load(tmp_path / "a.yaml", Settings()).digest == whole.digest


def test_a_relative_key_file_is_looked_for_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        with_issuer("keys: {file: keys/jwks.json}", "https://issuer.example")
    )
    (tmp_path / "b.yaml").write_text(
        with_issuer("keys: {file: /etc/jwks.json}", "https://other.example")
    )
    files = [one.keys.file for one in catalogue.load(tmp_path, Settings()).issuers]
    assert files == [tmp_path / "keys/jwks.json", Path("/etc/jwks.json")]


def test_what_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    def fault(place: Path) -> str:
        with pytest.raises(CatalogueError) as caught:
            catalogue.load(place, Settings())
        return str(caught.value)

    assert "cannot be read: No such file or directory" in fault(tmp_path / "missing")
    assert "holds no *.yaml file" in fault(tmp_path)
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    text = fault(tmp_path)
    assert text.count("cannot be read: Not a regular file") == 2
    cases = tmp_path / "cases.yaml"
    cases.write_text("accredit: cases/1\n")
    assert "`cases/1` is no known format" in fault(cases)


def test_a_change_of_any_file_changes_the_fingerprint(tmp_path: Path, minimal: str) -> None:
    def fingerprint() -> str:
        return catalogue.read(tmp_path).fingerprint

    (tmp_path / "a.yaml").write_text(minimal)
    seen = {fingerprint()}
    (tmp_path / "a.yaml").write_text(minimal + "\n")
    seen.add(fingerprint())
    (tmp_path / "b.yaml").write_text("")
    seen.add(fingerprint())
    (tmp_path / "b.yaml").rename(tmp_path / "c.yaml")
    seen.add(fingerprint())
    assert len(seen) == 4
    assert fingerprint() in seen
