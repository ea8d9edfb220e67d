"""What stands in two places says the same in both."""

import ast
import re
import tomllib

from accredit import __version__
from tests.conftest import ROOT

REASONS = (ROOT / "docs/decisions/0004-dependencies.md").read_text()


def documented(heading: str) -> set[str]:
    """The names in the first column of the table below a heading."""
    part = REASONS.split(f"### {heading}\n", 1)[1].split("\n###", 1)[0]
    rows = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=~!;\[ ]", requirement)[0] for requirement in requirements}


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert documented("Python") == names(project["dependencies"])
    extras = project["optional-dependencies"]
    assert documented("To develop and to measure") == {
        name for extra in extras.values() for name in names(extra)
    }
    workspace = tomllib.loads((ROOT / "rust_core/Cargo.toml").read_text())["workspace"]
    ours = {"accredit-core", "accredit-listen"}
    assert documented("Rust") == set(workspace["dependencies"]) - ours


def test_one_version() -> None:
    workspace = tomllib.loads((ROOT / "rust_core/Cargo.toml").read_text())["workspace"]
    assert workspace["package"]["version"] == __version__


def test_the_engine_alone_imports_the_extension() -> None:
    importers = set()
    for file in (ROOT / "python/accredit").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                found = [module, *(f"{module}.{alias.name}" for alias in node.names)]
            if any(name == "accredit._core" or name.endswith("._core") for name in found):
                importers.add(file.relative_to(ROOT / "python/accredit").as_posix())
    assert importers == {"engine.py"}


def test_the_core_sees_no_runtime_and_no_python() -> None:
    core = tomllib.loads((ROOT / "rust_core/core/Cargo.toml").read_text())
    assert core["dependencies"].keys() <= {
        "arc-swap", "aws-lc-rs", "base64", "imbl", "quick_cache", "serde", "serde_json", "thiserror",
    }  # fmt: skip
    listen = tomllib.loads((ROOT / "rust_core/listen/Cargo.toml").read_text())
    assert "pyo3" not in listen["dependencies"]


def test_links_between_documents_hold() -> None:
    documents = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "deploy").rglob("*.md"),
    ]
    assert len(documents) > 5
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert broken == []
