"""Decisions on their way to the log."""

import io
import json
import threading
import time

import pytest
import structlog

from accredit.serve.records import RecordWriter, as_console_line, as_json_line

RECORD = b'{"at_ms":1800000000123,"decision_id":"dec_1","decision":"deny","reason":"route_unknown"}'


class Source:
    """An engine as the writer sees it."""

    def __init__(self, records: list[bytes], lost: int = 0) -> None:
        self.records = records
        self.lost = lost
        self._lock = threading.Lock()

    def drain_records(self, most: int) -> bytes:
        with self._lock:
            taken, self.records = self.records[:most], self.records[most:]
        return b"".join(record + b"\n" for record in taken)

    def status(self, *, now_ms: int) -> dict[str, object]:
        return {"records_lost": self.lost}


def test_a_record_becomes_a_line_of_the_log() -> None:
    line = json.loads(as_json_line(RECORD))
    assert line == {
        "timestamp": "2027-01-15T08:00:00.123Z",
        "level": "info",
        "event": "decision",
        "decision_id": "dec_1",
        "decision": "deny",
        "reason": "route_unknown",
    }


def test_a_line_for_people_cannot_move_the_cursor() -> None:
    record = json.loads(RECORD) | {"path": "/\x1b[2J\u202e"}
    line = as_console_line(json.dumps(record).encode()).decode()
    assert line.startswith("2027-01-15T08:00:00.123Z deny  route_unknown ")
    assert "path=/?[2J?" in line


def test_every_record_is_written_before_the_end() -> None:
    stream = io.StringIO()
    writer = RecordWriter(Source([RECORD] * 2_500), stream=stream)
    writer.start()
    writer.stop()
    assert len(stream.getvalue().splitlines()) == 2_500


def test_loss_is_said() -> None:
    with structlog.testing.capture_logs() as said:
        writer = RecordWriter(Source([], lost=7), stream=io.StringIO())
        writer.start()
        while not said:
            time.sleep(0.001)
        writer.stop()
    assert said == [
        {"event": "decision_records_lost", "lost": 7, "total": 7, "log_level": "warning"}
    ]


class Broken(io.StringIO):
    """A pipe that nobody reads."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("count", [1, 5_000])
def test_a_broken_log_stops_nothing(count: int) -> None:
    source = Source([RECORD] * count)
    writer = RecordWriter(source, stream=Broken())
    writer.start()
    writer.stop()
    assert writer.unwritten == count
    assert source.records == []
