"""The last good keys on disk."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from accredit.errors import StateError
from accredit.trust.store import KeyStore, StoredKeys

ISSUER = "https://issuer.test/\u00e9"
KEYS = StoredKeys(ISSUER, "digest", b'{"keys": [1, "\xc3\xa9"]}', 1_800_000_000_123, 1_800_000_001)


def path_of(folder: Path) -> Path:
    return folder / f"{hashlib.sha256(ISSUER.encode()).hexdigest()}.json"


def test_what_is_written_is_read_by_the_next_process(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "keys"
    KeyStore(folder).write(KEYS)
    assert KeyStore(folder).read(ISSUER) == KEYS
    assert KeyStore(folder).read("https://other.test") is None
    assert [entry.name for entry in folder.iterdir()] == [path_of(folder).name]


def test_folder_and_file_are_private(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        folder = tmp_path / "state" / "keys"
        KeyStore(folder).write(KEYS)
    finally:
        os.umask(old)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert path_of(folder).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o702, 0o720])
@pytest.mark.parametrize("which", ["state", "state/keys"])
def test_a_folder_that_others_can_write_is_refused(tmp_path: Path, mode: int, which: str) -> None:
    (tmp_path / "state" / "keys").mkdir(parents=True, mode=0o700)
    (tmp_path / "state").chmod(0o700)
    (tmp_path / which).chmod(mode)
    with pytest.raises(StateError, match="others can write"):
        KeyStore(tmp_path / "state" / "keys")


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")
    with pytest.raises(StateError, match="keys"):
        KeyStore(tmp_path / "keys")


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    store = KeyStore(tmp_path / "keys")
    store.write(KEYS)
    path_of(tmp_path / "keys").chmod(mode)
    with pytest.raises(StateError, match="others can write"):
        store.read(ISSUER)


def test_a_link_or_a_pipe_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    store.write(KEYS)
    path = path_of(tmp_path / "keys")
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(StateError):
        store.read(ISSUER)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(StateError, match="plain file"):
        store.read(ISSUER)


def damaged(change: str) -> bytes:
    document = {
        "format": "accredit-keys/1", "issuer": ISSUER, "source": "digest", "requested_at_ms": 1,
        "fetched_at_s": 1, "jwks": "{}", "jwks_sha256": hashlib.sha256(b"{}").hexdigest(),
    }  # fmt: skip
    changes: dict[str, dict[str, object]] = {
        "format": {"format": "accredit-keys/2"}, "issuer": {"issuer": "https://other.test"},
        "jwks": {"jwks": '{"keys":[]}'}, "type": {"jwks": 1}, "source": {"source": None},
        "negative": {"fetched_at_s": -1}, "text": {"fetched_at_s": "1"}, "bool": {"fetched_at_s": True},
        "fraction": {"requested_at_ms": 1.5}, "huge": {"requested_at_ms": 2**53}, "none": {},
    }  # fmt: skip
    return json.dumps({**document, **changes[change]}).encode()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", damaged("none")[:-1], b" " * 2_100_000 + b"{}"]
    + [damaged(change) for change in ("format", "issuer", "jwks", "type", "source", "negative",
                                      "text", "bool", "fraction", "huge")],
)  # fmt: skip
def test_a_damaged_file_is_refused_and_replaced_by_the_next_write(
    tmp_path: Path,
    body: bytes,
) -> None:
    store = KeyStore(tmp_path / "keys")
    path = path_of(tmp_path / "keys")
    path.write_bytes(body)
    path.chmod(0o600)
    with pytest.raises(StateError, match="ignored"):
        store.read(ISSUER)
    store.write(KEYS)
    assert store.read(ISSUER) == KEYS


def test_the_undamaged_form_is_read(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    path_of(tmp_path / "keys").write_bytes(damaged("none"))
    path_of(tmp_path / "keys").chmod(0o600)
    assert store.read(ISSUER) == StoredKeys(ISSUER, "digest", b"{}", 1, 1)


@pytest.mark.attack(26)
def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys")
    store.write(KEYS)
    path = path_of(tmp_path / "keys")
    path.unlink()
    path.mkdir()
    with pytest.raises(StateError, match="cannot be written"):
        store.write(KEYS)
    assert list((tmp_path / "keys").iterdir()) == [path]


def test_no_representation_shows_the_set() -> None:
    assert "keys" not in repr(KEYS).replace("StoredKeys", "")
