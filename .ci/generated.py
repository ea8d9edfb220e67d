"""Writes the files that are generated from the code, or with `--check` compares them.

Each row names the file and the command that prints it. A row whose file and command are both
absent is a fault as well: a generated document cannot be lost in silence.
"""

import difflib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable

# file -> command that prints it
GENERATED: dict[str, list[str]] = {
    "docs/catalogue.schema.json": [PYTHON, "-m", "accredit", "catalogue", "schema"],
    "docs/cli.md": [PYTHON, "-m", "accredit.cli.reference"],
    "docs/reasons.md": [PYTHON, "-m", "accredit", "reasons", "--markdown"],
    "docs/settings.md": [PYTHON, "-m", "accredit.settings.document"],
}


def produce(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"generated: `{' '.join(command)}` failed:\n{done.stderr}")
    return done.stdout


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = 0
    for name, command in GENERATED.items():
        path, wanted = ROOT / name, produce(command)
        present = path.read_text() if path.exists() else ""
        if present == wanted:
            continue
        if not check:
            path.write_text(wanted)
            print(f"wrote {name}")
            continue
        stale += 1
        diff = difflib.unified_diff(
            present.splitlines(), wanted.splitlines(), name, f"{name} (generated)", lineterm="", n=1
        )
        print("\n".join(diff))
    if stale:
        print(f"{stale} generated file(s) are stale: run `make generated` and commit the result")
        return 1
    print(f"{len(GENERATED)} generated file(s) are fresh")
    return 0


if __name__ == "__main__":
    sys.exit(main())
