"""Addresses to listen on."""

import pytest

from accredit.settings import Address


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("127.0.0.1:9191", True),
        ("127.8.9.10:1", True),
        ("[::1]:9191", True),
        ("unix:/run/accredit/check.sock", True),
        ("0.0.0.0:9191", False),
        ("[::]:9191", False),
        ("10.0.0.1:65535", False),
    ],
)
def test_an_address_is_read_and_written_unchanged(text: str, local: bool) -> None:
    address = Address.parse(text)
    assert str(address) == text
    assert address.is_local is local


@pytest.mark.parametrize(
    "text",
    [
        "", "9191", ":9191", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
        "127.0.0.1:-1", "127.0.0.1:٣", "::1:9191", "[127.0.0.1]:1", "[::1]", "localhost:9191",
        "api.example:443", "127.0.0.1:1:2", "unix:", "unix:" + "x" * 200, "unix:a\0b",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(ValueError, match="; "):
        Address.parse(text)
