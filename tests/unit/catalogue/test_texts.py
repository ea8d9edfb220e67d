"""The words of a catalogue agree with what the core compiles."""

import json
import string

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accredit.catalogue import texts
from accredit.engine import Engine
from accredit.errors import CatalogueError
from accredit.settings import Settings

ENGINE = Engine(Settings().engine_json())
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def core_takes(*, host: str = "a.example", path: str = "/a", resource: str = "a:b") -> bool:
    document = {
        "format": "accredit-compiled/1",
        "issuers": [{
            "issuer": "https://i.example", "algorithms": ["RS256"],
            "profile": {"kind": "rfc9068"}, "refreshable": True,
        }],
        "resources": [{
            "resource": resource, "owner": None, "issuers": ["https://i.example"],
            "audience": {"mode": "any"}, "max_lifetime_s": 1, "mode": "enforce",
            "report_since_s": None, "report_until_s": None, "paths": "refuse", "scopes": None,
            "metadata_url": None, "cors_preflight": False,
            "selectors": {"route_metadata": [], "destination_principal": []},
            "routes": [{
                "hosts": [host], "paths": [path], "methods": ["GET"], "scopes": None,
                "access": "token", "cors_preflight": False,
            }],
        }],
    }  # fmt: skip
    try:
        ENGINE.load_catalogue(json.dumps(document).encode())
    except CatalogueError:
        return False
    return True


def test_the_document_of_this_test_is_one_that_the_core_takes() -> None:
    assert core_takes()
    assert not core_takes(path="a")


@example("/%a0")
@example("/%c3%a9")
@example("/%2541")
@example("/%25/41")
@given(st.text("/a*%2eE0fF;.?#\\ ~:@!", max_size=12).map("/".__add__))
@PATIENT
def test_a_path_that_is_taken_here_is_taken_by_the_core(path: str) -> None:
    try:
        texts.path_pattern(path)
    except ValueError:
        return
    assert core_takes(path=path)


@given(st.text("aA0._-:[]/*%9", min_size=1, max_size=12))
@PATIENT
def test_a_host_that_is_taken_here_is_taken_by_the_core(host: str) -> None:
    try:
        texts.host_pattern(host)
    except ValueError:
        return
    assert core_takes(host=host)


@given(st.text("aZ1:+/?#[]\"'\\<>{}|^`%~é ", min_size=1, max_size=12))
@PATIENT
def test_a_resource_that_is_taken_here_is_taken_by_the_core(resource: str) -> None:
    try:
        texts.resource_uri(resource)
    except ValueError:
        return
    assert core_takes(resource=resource)


@pytest.mark.parametrize(
    "host",
    ["a", "api.example", "a-b.c_d.example", "127.0.0.1", "127.0.0.1:10000", "[::1]", "[::1]:8443",
     "api.example:65535", "xn--bcher-kva.example", "_srv.example"],
)  # fmt: skip
def test_hosts_are_names_and_addresses(host: str) -> None:
    assert texts.host_pattern(host) == host


@pytest.mark.parametrize(
    "path",
    ["/", "/a", "/a/", "/a/*", "/a/**", "/**", "/*/b", "/a%20b", "/%61", "/%2A", "/orders:batch",
     "/@a,b=c+d", "/a.b/..c", "/~x"],
)  # fmt: skip
def test_paths_are_segments_and_wildcards(path: str) -> None:
    assert texts.path_pattern(path) == path


@pytest.mark.parametrize("scope", ["orders:read", "a", "!", "https://x.example/scope", "~"])
def test_a_scope_is_a_scope_token(scope: str) -> None:
    assert texts.scope_token(scope) == scope


def test_every_other_character_is_no_scope_token() -> None:
    # RFC 6749, section 3.3: %x21 / %x23-5B / %x5D-7E
    allowed = {chr(code) for code in range(0x21, 0x7F)} - {'"', "\\"}
    for character in {*string.printable, "\x00", "\x7f", "\xa0", "é"}:
        try:
            texts.scope_token(character)
        except ValueError:
            assert character not in allowed
        else:
            assert character in allowed
