"""The words that a catalogue is written in: URIs, hosts, paths, methods and scopes, each checked.

A check returns the text unchanged: nothing is normalised, since the core compares by code point. It
raises ValueError with what is wrong and, after a semicolon, what to do.
"""

import ipaddress
import re
from collections.abc import Collection
from typing import Final
from urllib.parse import quote, unquote_to_bytes, urlsplit

MAX_URI_CHARACTERS: Final = 2_048
MAX_PATH_CHARACTERS: Final = 2_048
MAX_SEGMENTS: Final = 64
_PORT_MAX: Final = 65_535

# RFC 3986, section 3.1, then visible ASCII other than the excluded `#` and `"<>\^`{|}`.
URI_PATTERN: Final = r"^[A-Za-z][A-Za-z0-9+.-]*:[!$-;=?-Z\[\]_a-z~]+$"
HOST_PATTERN: Final = r"^(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?)(:[0-9]{1,5})?$"
PATH_PATTERN: Final = r"^/([!$&-:=@-Z_a-z~]|%[0-9A-Fa-f]{2})*$"
METHOD_PATTERN: Final = r"^[A-Z][A-Z0-9_-]{0,31}$"
# RFC 6749, section 3.3: %x21 / %x23-5B / %x5D-7E
SCOPE_PATTERN: Final = r"^[!#-\[\]-~]+$"
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_MAX_HOST_CHARACTERS: Final = 253
# `/`, `;`, `\\` and the controls: whoever decodes again would read another path.
_UNSAFE_BYTES: Final = frozenset({*range(0x20), 0x7F, *b"/;\\"})


def resource_uri(text: str) -> str:
    """Checks a resource indicator: an absolute URI without a fragment (RFC 8707, section 2)."""
    if len(text) > MAX_URI_CHARACTERS:
        msg = f"is too long; use at most {MAX_URI_CHARACTERS} characters"
        raise ValueError(msg)
    if not re.fullmatch(URI_PATTERN, text, re.ASCII):
        msg = "is no absolute URI without fragment; write one such as https://api.example/orders"
        raise ValueError(msg)
    return text


def issuer_url(text: str, *, loopback_http: bool) -> str:
    """Checks an issuer identifier: an https URL without query or fragment (RFC 8414, section 2)."""
    _web_url(text, loopback_http=loopback_http)
    if "?" in text:
        msg = "has a query; an issuer is an https URL without query and fragment"
        raise ValueError(msg)
    return text


def fetched_url(text: str, *, loopback_http: bool) -> str:
    """Checks a URL that will be fetched: https, or http on loopback where that is allowed."""
    _web_url(text, loopback_http=loopback_http)
    return text


def _web_url(text: str, *, loopback_http: bool) -> None:
    resource_uri(text)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host or port == 0:
        msg = "names no host; write an https URL such as https://issuer.example"
        raise ValueError(msg)
    if "@" in parts.netloc:
        msg = "holds a user or a password; write the URL without them"
        raise ValueError(msg)
    if text.startswith("https://"):
        return
    if not text.startswith("http://"):
        msg = "is no https URL; write one such as https://issuer.example"
        raise ValueError(msg)
    if not loopback_http:
        msg = "is not https; only a demo may use http on loopback (`insecure.loopback_http`)"
        raise ValueError(msg)
    if not _is_loopback(host):
        msg = "is http to another host; `insecure.loopback_http` opens loopback addresses alone"
        raise ValueError(msg)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"  # RFC 6761, section 6.3


def host_pattern(text: str) -> str:
    """Checks a host of a route: exact, lower case, with or without a port, no wildcard."""
    if "*" in text:
        msg = "has a wildcard, and hosts are exact; list each host"
        raise ValueError(msg)
    if text != text.lower():
        msg = f"has upper case, which no host keeps; write `{text.lower()}`"
        raise ValueError(msg)
    if not re.fullmatch(HOST_PATTERN, text, re.ASCII) or not _is_host(text):
        msg = "is no host; write a name such as api.example, with :PORT for one port only"
        raise ValueError(msg)
    return text


def _is_host(text: str) -> bool:
    if text.startswith("["):
        literal, _, rest = text[1:].partition("]")
        try:
            return str(ipaddress.IPv6Address(literal)) == literal and _is_port(rest)
        except ValueError:
            return False
    name, colon, port = text.partition(":")
    labels = name.split(".")
    return (
        len(name) <= _MAX_HOST_CHARACTERS
        and all(_LABEL.fullmatch(label) for label in labels)
        and _is_port(colon + port)
    )


def _is_port(text: str) -> bool:
    return not text or (text[1:2] != "0" and 0 < int(text[1:] or "0") <= _PORT_MAX)


def path_pattern(text: str) -> str:
    """Checks a path of a route: literal segments, `*` for one segment, a trailing `**` for any."""
    if not re.fullmatch(PATH_PATTERN, text, re.ASCII):
        msg = "is no path; begin with /, without query, `;` or spaces, and escape with %XX"
        raise ValueError(msg)
    segments = text[1:].split("/")
    if len(text) > MAX_PATH_CHARACTERS or len(segments) > MAX_SEGMENTS:
        msg = f"is too long; use at most {MAX_SEGMENTS} segments"
        raise ValueError(msg)
    for index, segment in enumerate(segments):
        _segment(segment, last=index == len(segments) - 1)
    return text


def _segment(segment: str, *, last: bool) -> None:
    literal = unquote_to_bytes(segment)
    wrong = ""
    if not segment and not last:
        wrong = "has an empty segment, which no canonical path has; remove it"
    elif literal in {b".", b".."}:
        wrong = "has a dot segment, which no canonical path has; resolve it"
    elif _UNSAFE_BYTES & set(literal):
        wrong = "has an escaped separator or control character, which no path here may have"
    elif re.search(rb"%[0-9A-Fa-f]{2}", literal):
        wrong = "has an escape of an escape, which a second reader would decode again"
    elif not _is_utf_8(literal):
        wrong = "has an escape that is not UTF-8; escape the bytes of UTF-8"
    elif segment == "**" and not last:
        wrong = "has `**` before its end; use `**` as the last segment only"
    elif "*" in segment and segment not in {"*", "**"}:
        wrong = "has `*` inside a segment; a wildcard is a whole segment, a literal one is %2A"
    if wrong:
        raise ValueError(wrong)


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def canonical_segment(segment: str) -> str:
    """Returns a segment in the one form that all spellings of it share."""
    if "%" not in segment:
        return segment
    return quote(unquote_to_bytes(segment), safe="!$&'()+,:=@")


def host_keys(host: str, known: Collection[str]) -> tuple[str, ...]:
    """Returns the host and what else it stands for, among the hosts that are known.

    A host without port fits ports 80 and 443 too, where it meets those that name one of them.
    """
    return (host, *(key for key in (f"{host}:80", f"{host}:443") if key in known))


def method(text: str) -> str:
    """Checks a method: an upper-case token (RFC 9110, section 9.1: methods are case-sensitive)."""
    if not re.fullmatch(METHOD_PATTERN, text, re.ASCII):
        msg = "is no method; write one in upper case, such as GET"
        raise ValueError(msg)
    return text


def scope_token(text: str) -> str:
    """Checks one scope (RFC 6749, section 3.3)."""
    if not re.fullmatch(SCOPE_PATTERN, text, re.ASCII):
        msg = "is no scope; write one word of visible ASCII without quotes and backslashes"
        raise ValueError(msg)
    return text


def cidr(text: str) -> str:
    """Checks an address range in CIDR form whose host bits are zero."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        msg = "is no address range; write one such as 10.0.0.0/24, with its host bits zero"
        raise ValueError(msg) from None
    if network.prefixlen < (8 if network.version == 4 else 32):  # noqa: PLR2004 - IP versions
        msg = "opens too much; name at most a /8 (IPv4) or a /32 (IPv6)"
        raise ValueError(msg)
    return text


def plain_host(text: str) -> str:
    """Checks a host name or address without port, as it stands in a URL."""
    if ":" in text.rpartition("]")[2]:
        msg = "has a port; name the host alone"
        raise ValueError(msg)
    return host_pattern(text)
