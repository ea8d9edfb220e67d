"""The life of the server: what it says about itself, how it follows its catalogue, how it ends."""

import copy
import json
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.e2e.doors import CHECK, OK, ORDERS, Bed, check_request, reason
from tests.e2e.processes import wait_until


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    made = Bed(tmp_path_factory.mktemp("server") / "bed", catalogue={"reload_s": 1})
    yield made
    made.close()


def status(bed: Bed) -> dict[str, Any]:
    code, body = bed.server.get("/status")
    assert code == 200
    answer: dict[str, Any] = json.loads(body)
    return answer


def judge(bed: Bed, **more: Any) -> str:
    with bed.channel("fast") as channel:
        request = check_request(bed.issuer.token(), **more)
        return reason(channel.unary_unary(CHECK)(request, timeout=30))


def test_status_shows_the_catalogue_and_each_issuer(bed: Bed) -> None:
    answer = status(bed)
    assert answer["ready"] is True
    assert len(answer["catalogue_digest"]) == 64
    assert answer["catalogue_fault"] is None
    assert answer["resources"] == 1
    (issuer,) = answer["issuers"]
    assert issuer["issuer"] == bed.issuer.url
    assert (issuer["usable"], issuer["keys"], len(issuer["key_list"])) == (True, 1, 1)
    assert answer["listeners"]["check"] == [bed.address("fast")]
    assert answer["listeners"]["services"] == [bed.address("python")]


def test_metrics_count_decisions_by_reason(bed: Bed) -> None:
    def count(code: str) -> float:
        _, page = bed.server.get("/metrics")
        line = f'accredit_decisions_total{{mode="enforce",reason="{code}"}} '
        return next(float(one.split()[-1]) for one in page.splitlines() if one.startswith(line))

    before = count(OK), count("resource_unknown")
    assert judge(bed) == OK
    assert judge(bed, path="/elsewhere") == "resource_unknown"
    assert (count(OK), count("resource_unknown")) == (before[0] + 1, before[1] + 1)


def test_the_pages_answer_to_local_names_alone(bed: Bed) -> None:
    """A page in a browser could have its own name lead to 127.0.0.1 and read the status."""
    url = f"http://127.0.0.1:{bed.server.http}/status"
    for host, code in [
        ("127.0.0.1", 200),
        ("localhost:1", 200),
        ("[::1]:9193", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("192.0.2.1", 421),
        ("", 421),
    ]:
        request = urllib.request.Request(url, headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.status == code, host
        except urllib.error.HTTPError as error:
            assert error.code == code, host
    assert bed.server.get("/nowhere")[0] == 404


def test_a_changed_catalogue_is_taken_and_a_bad_one_is_not(bed: Bed) -> None:
    first = status(bed)["catalogue_digest"]
    changed = copy.deepcopy(bed.issuer.catalogue())
    changed["resources"][0]["routes"][0]["scopes"] = ["orders:admin"]
    bed.server.write_catalogue(changed)
    wait_until(lambda: status(bed)["catalogue_digest"] != first, what="the change is taken")
    assert judge(bed) == "scope_insufficient"
    second = status(bed)["catalogue_digest"]
    broken = copy.deepcopy(changed)
    broken["resources"][0]["routes"][0]["scopes"] = []
    broken["resources"][0]["registration"] = "required"
    bed.server.write_catalogue(broken)
    wait_until(lambda: status(bed)["catalogue_fault"] is not None, what="the fault is shown")
    answer = status(bed)
    assert "registration" in answer["catalogue_fault"]
    assert answer["catalogue_digest"] == second
    assert answer["ready"] is True
    assert json.loads(bed.server.get("/healthz")[1])["status"] == "degraded"
    assert "accredit_catalogue_stale 1.0" in bed.server.get("/metrics")[1]
    assert judge(bed) == "scope_insufficient"
    assert "catalogue_refused" in bed.server.output()
    bed.server.write_catalogue(bed.issuer.catalogue())
    wait_until(lambda: status(bed)["catalogue_digest"] == first, what="the first one is back")
    assert status(bed)["catalogue_fault"] is None
    assert json.loads(bed.server.get("/healthz")[1])["status"] == "ok"
    assert judge(bed) == OK


def test_sighup_reads_the_catalogue_anew(bed: Bed) -> None:
    said = bed.server.output().count("catalogue_loaded")
    bed.server.send(signal.SIGHUP)
    wait_until(lambda: bed.server.output().count("catalogue_loaded") == said + 1, what="it is read")
    assert judge(bed) == OK


def test_the_state_folder_is_private(bed: Bed) -> None:
    state = bed.server.log.parent / "state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    wait_until(lambda: any((state / "keys").iterdir()), what="the keys are kept")
    for file in (state / "keys").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_issuer_without_keys_is_shown_and_does_not_take_the_others_down(tmp_path: Path) -> None:
    bed = Bed(tmp_path / "bed")
    try:
        both = bed.issuer.catalogue()
        missing = {**both["issuers"][0], "issuer": "http://127.0.0.1:9/gone"}
        missing["keys"] = {"jwks_uri": "http://127.0.0.1:9/gone"}
        both["issuers"].append(missing)
        both["resources"][0]["issuers"].append(missing["issuer"])
        bed.server.stop()
        bed.server.write_catalogue(both)
        bed.server.start()
        assert judge(bed) == OK
        usable = {one["issuer"]: one["usable"] for one in status(bed)["issuers"]}
        assert usable == {bed.issuer.url: True, missing["issuer"]: False}
        token = bed.issuer.token(iss=missing["issuer"])
        with bed.channel("fast") as channel:
            answer = channel.unary_unary(CHECK)(check_request(token), timeout=30)
        assert reason(answer) == "keys_unavailable"
    finally:
        bed.close()


def test_report_mode_stands_among_the_softeners(tmp_path: Path) -> None:
    bed = Bed(tmp_path / "bed")
    try:
        assert status(bed)["softeners"] == []
        softened = bed.issuer.catalogue()
        days = 90 * 86_400
        since_s = 1_900_000_000
        softened["resources"][0] |= {
            "mode": "report",
            "report_since": "2030-03-17",
            "report_until": "2030-06-15",
        }
        bed.server.write_catalogue(softened)
        wait_until(lambda: status(bed)["softeners"] != [], what="it is shown")
        (softener,) = status(bed)["softeners"]
        assert softener["kind"] == "report"
        assert (softener["resource"], softener["owner"]) == (ORDERS, "orders-team")
        assert 0 < softener["until_s"] - softener["since_s"] <= days
        assert abs(softener["since_s"] - since_s) < 86_400
    finally:
        bed.close()


@pytest.mark.parametrize("listener", ["check", "services", "http"])
def test_a_taken_address_ends_the_start_with_its_own_exit_code(
    tmp_path: Path, bed: Bed, listener: str
) -> None:
    settings = bed.server.log.parent / "accredit.toml"
    text = settings.read_text()
    taken = {
        "check": bed.address("fast"),
        "services": bed.address("python"),
        "http": f"127.0.0.1:{bed.server.http}",
    }
    for name, address in taken.items():
        if name != listener:
            text = text.replace(f'"{address}"', '"127.0.0.1:0"')
    text = text.replace(str(bed.server.log.parent / "state"), str(tmp_path / "state"))
    file = tmp_path / "accredit.toml"
    file.write_text(text)
    program = Path(sys.executable).with_name("accredit")
    command = [str(program), "serve", "--settings", str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=50)
    assert done.returncode == 4, done.stderr
    assert taken[listener] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_first_catalogue_ends_the_start(tmp_path: Path, bed: Bed) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "catalogue.yaml").write_text("accredit: catalogue/1\nresources: 7\n")
    text = (bed.server.log.parent / "accredit.toml").read_text()
    text = text.replace(str(bed.server.log.parent / "catalogue"), str(folder))
    text = text.replace(str(bed.server.log.parent / "state"), str(tmp_path / "state"))
    file = tmp_path / "accredit.toml"
    file.write_text(text)
    program = Path(sys.executable).with_name("accredit")
    command = [str(program), "serve", "--settings", str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=50)
    assert done.returncode == 3, done.stderr
    assert "resources" in done.stderr


_FORK = """
import json, os, signal, sys
from accredit.engine import Engine, FastDoor
from accredit.errors import DoorError
settings = dict(clock_skew_s=30, token_bytes=16384, request_bytes=1048576, refresh_hold_s=30,
                record_capacity=16, record_allows=True)
door = FastDoor(Engine(json.dumps(settings).encode()), b'{"address":"127.0.0.1:0"}')
unopened = FastDoor(Engine(json.dumps(settings).encode()), b'{"address":"127.0.0.1:0"}')
print(door.start()[0], flush=True)
child = os.fork()
if child == 0:
    signal.alarm(30)
    refused = 0
    for use in (unopened.start, lambda: door.drain(1), lambda: door.set_ready(True)):
        try:
            use()
        except DoorError as error:
            refused += "fork" in str(error)
    del door, unopened  # must not wait for the parent's threads
    os._exit(refused)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
sys.stdin.readline()
print(door.drain(10), flush=True)
"""


def test_a_forked_child_may_not_use_the_door_and_the_parent_goes_on() -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _FORK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        address = process.stdout.readline().strip()
        assert process.stdout.readline().strip() == "3"
        with grpc.insecure_channel(address) as channel:
            answer = channel.unary_unary(CHECK)(check_request(None), timeout=30)
            assert reason(answer) == "catalogue_missing"
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline().strip() == "True"
    assert process.returncode == 0
