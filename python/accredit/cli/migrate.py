"""The files behind `accredit catalogue migrate`."""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from accredit import catalogue
from accredit.catalogue import yaml
from accredit.catalogue.migrate import CASES_FORMAT, migrate
from accredit.catalogue.model import FORMAT
from accredit.errors import CatalogueError, Fault

__all__ = ["migrate_files"]


def migrate_files(place: Path, *, write: bool) -> list[dict[str, Any]]:
    """Migrates each document of a folder, or one file; all of them or none.

    Returns:
        For each file its name, the format it has now and those that it came through.

    Raises:
        CatalogueError: A file cannot be read or written, or its format is unknown.
    """
    faults: list[Fault] = []
    changed: list[tuple[Path, str]] = []
    rows: list[dict[str, Any]] = []
    for name, data in catalogue.read(place).files:
        try:
            document = yaml.read(data, name)
            if isinstance(document.value, dict) and document.value.get("accredit") == CASES_FORMAT:
                continue
            migrated = migrate(document.value)
        except CatalogueError as error:
            faults.extend(error.faults)
            continue
        except ValueError as error:
            message, _, remedy = str(error).partition("; ")
            faults.append(Fault(message, name, path="accredit", remedy=remedy))
            continue
        rows.append({"file": name, "format": FORMAT, "came_through": list(migrated.came_through)})
        if migrated.came_through:
            changed.append((Path(name), _rendered(migrated.document)))
    if faults:
        raise CatalogueError(faults)
    for file, text in changed if write else ():
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CatalogueError(
                [Fault(f"cannot be written: {error.strerror}", str(file))]
            ) from None
    return rows


def _rendered(document: dict[str, Any]) -> str:
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    buffer = io.StringIO()
    writer.dump(document, buffer)
    return buffer.getvalue()
