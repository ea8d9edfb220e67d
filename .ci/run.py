#!/usr/bin/env python3
"""Runs `make lint` and `make test`, and says what ran.

Prints each real part with its version and each vector set with the cases run and skipped. Fails
where a step fails, where Envoy or the authorization server did not run, and where a vector set
that is present ran no case. Needs what the Makefile needs and nothing else.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / ".cache" / "report"
# Parts that a run must have had in front of it or beside it; stubs do not count.
REQUIRED_PARTS = ("envoy", "oidc-provider")
# Sets of other jobs: no test of tokens is to be made of them yet.
NOT_YET = {
    "authzen-todo": "no AuthZEN door yet",
    "dpop": "binding is denied until it is built",
    "oidf-checklist": "no federation yet",
    "oidfed-metadata-policy": "no federation yet",
    "public-suffix": "no registration policy yet",
    "rfc8705-appendix-a": "binding is denied until it is built",
    "status-list": "status is denied until it is built",
}
SUMMARY = re.compile(r"^(test result: |=+ .*\b(passed|failed|error|errors|no tests ran)\b.* =+$)")
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def step(target: str) -> tuple[bool, list[str], float]:
    """Run one make target, stream its output, and return (passed, summary lines, seconds)."""
    print(f"==> make {target}", flush=True)
    started_s = time.monotonic()
    summaries: list[str] = []
    process = subprocess.Popen(
        ["make", "--keep-going", target],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    for line in process.stdout or ():
        sys.stdout.write(line)
        sys.stdout.flush()
        bare = ANSI.sub("", line.rstrip("\n"))
        if SUMMARY.match(bare):
            summaries.append(bare)
    passed = process.wait() == 0
    took_s = time.monotonic() - started_s
    print(f"==> make {target} {'passed' if passed else 'FAILED'} in {took_s:.0f} s", flush=True)
    return passed, summaries, took_s


def entries(name: str) -> Iterator[dict[str, Any]]:
    """Yield what the test processes noted under a name, one JSON object a line."""
    for path in sorted(REPORT.glob(f"{name}*.jsonl")):
        for line in path.read_text().splitlines():
            if line.strip():
                yield json.loads(line)


def parts() -> dict[str, set[str]]:
    """Return the versions of each real part that answered in this run."""
    found: dict[str, set[str]] = defaultdict(set)
    for entry in entries("parts"):
        found[entry["part"]].add(entry["version"])
    return found


def vector_runs() -> dict[str, dict[str, list[int]]]:
    """Return {set: {runner: [run, skipped]}} of this run."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for entry in entries("vectors"):
        cell = found[entry["set"]][entry["runner"]]
        cell[0] += entry["ran"]
        cell[1] += entry["skipped"]
    cargo = REPORT / "cargo.txt"
    if cargo.exists():
        # The Rust runners print a line for each part of a set: `vectors SET/PART: ran 1, skipped 0`.
        pattern = re.compile(r"vectors ([^\s:/]+)[^\s:]*: ran (\d+), skipped (\d+)")
        for name, ran, skipped in pattern.findall(cargo.read_text(errors="replace")):
            cell = found[name]["rust"]
            cell[0] += int(ran)
            cell[1] += int(skipped)
    return found


def judge_parts() -> list[str]:
    """Print the real parts; return what is missing."""
    found = parts()
    print("\nReal parts")
    for part in sorted({*found, *REQUIRED_PARTS}):
        print(f"  {part:<16} {', '.join(sorted(found[part])) or 'DID NOT RUN'}")
    return [f"{part} did not run" for part in REQUIRED_PARTS if not found[part]]


def judge_vectors() -> list[str]:
    """Print the vector sets; return those that are present and ran nothing."""
    print("\nVector sets (cases run + skipped)")
    folder = os.environ.get("ACCREDIT_VECTORS") or vectors_folder()
    if not folder:
        print("  none present: set ACCREDIT_VECTORS to the folder that holds them")
        return []
    present = sorted(p.name for p in Path(folder).iterdir() if p.is_dir())
    runs = vector_runs()
    faults = []
    for name in present:
        if name in NOT_YET and not runs.get(name):
            print(f"  {name:<24} not used: {NOT_YET[name]}")
            continue
        cells = runs.get(name, {})
        shown = ", ".join(
            f"{who} {ran} + {skipped}" for who, (ran, skipped) in sorted(cells.items())
        )
        print(f"  {name:<24} {shown or 'RAN NOTHING'}")
        if not any(ran for ran, _ in cells.values()):
            faults.append(f"vector set {name} is present and ran no case")
    return faults


def vectors_folder() -> str:
    """Return the folder that the Makefile finds, so that both speak of the same sets."""
    shown = subprocess.run(
        ["make", "--silent", "show-vectors"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()


def main() -> int:
    started_s = time.monotonic()
    needed = subprocess.run([ROOT / ".ci/need", "python", "rust", "cc", "node"], check=False)
    if needed.returncode:
        return 1
    linted, _, lint_s = step("lint")
    tested, summaries, test_s = step("test")
    faults = [] if linted else ["make lint failed"]
    faults += [] if tested else ["make test failed"]
    faults += judge_parts()
    faults += judge_vectors()
    total_s = time.monotonic() - started_s
    print(f"\nTime: lint {lint_s:.0f} s, test {test_s:.0f} s, all {total_s:.0f} s")
    print("\n".join(f"FAILED: {fault}" for fault in faults) or "Everything ran and passed.")
    print()
    for line in summaries:
        print(line)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
