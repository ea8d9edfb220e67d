"""One YAML document by the core schema of YAML 1.2, and what is refused beyond it."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accredit.catalogue import yaml
from accredit.errors import CatalogueError


def fault_of(text: str | bytes) -> str:
    with pytest.raises(CatalogueError) as caught:
        yaml.read(text if isinstance(text, bytes) else text.encode(), "f.yaml")
    (fault,) = caught.value.faults
    return str(fault)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # YAML 1.1 reads booleans, dates and numbers in these.
        *[(word, word) for word in ("off", "Off", "no", "yes", "on", "y", "N")],
        ("2027-01-01", "2027-01-01"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        # Section 10.3.2 of YAML 1.2.2.
        *[(word, None) for word in ("null", "Null", "NULL", "~")],
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        ("017", 17), ("-1", -1), ("+1", 1), ("0o17", 15), ("0x1F", 31), ("9223372036854775807", 2**63 - 1),
        ("1.5", 1.5), ("-.5e1", -5.0), ("1e3", 1_000.0), ("1.", 1.0),
        ("nULL", "nULL"), ("tRUE", "tRUE"), ("-0o7", "-0o7"), ("1e", "1e"), (".", "."),
        # A quoted scalar is text, whatever stands in it.
        ('"off"', "off"), ("'1'", "1"), ('"null"', "null"), ('""', ""), ("|\n 1\n", "1\n"),
    ],
)  # fmt: skip
def test_a_scalar_is_resolved_by_the_core_schema(text: str, value: object) -> None:
    read = yaml.read(f"a: {text}\n".encode(), "f.yaml").value["a"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: `a` stands twice in one mapping; remove one of them"),
        ("a: 1\n'a': 3\n", "f.yaml:2: `a` stands twice in one mapping; remove one of them"),
        ("x: [{b: 1, b: 1}]", "f.yaml:1: `b` stands twice in one mapping; remove one of them"),
        ("a: &x 1\nb: 2", "f.yaml:1: an anchor or an alias is used; write the value out"),
        ("a: &x 1\nb: *x", "f.yaml:1: an anchor or an alias is used; write the value out"),
        ("a: 1\nb: *x", "f.yaml:2: an anchor or an alias is used; write the value out"),
        ("&x a: 1", "f.yaml:1: an anchor or an alias is used; write the value out"),
        ("a: &x [1]", "f.yaml:1: an anchor or an alias is used; write the value out"),
        ("a: !!str 1", "f.yaml:1: a tag is used; remove the word that begins with !"),
        ("a: !x {}", "f.yaml:1: a tag is used; remove the word that begins with !"),
        ("a: ! b", "f.yaml:1: a tag is used; remove the word that begins with !"),
        ("!!python/object:os.system {}", "f.yaml:1: a tag is used; remove the word that begins with !"),
        ("a: 1\n---\nb: 2", "f.yaml:2: a second document begins here; put it into a file of its own"),
        ("%YAML 1.1\n---\na: off", "f.yaml:2: a directive is used; remove the line that begins with %"),
        ("%TAG ! x:\n---\na: 1", "f.yaml:2: a directive is used; remove the line that begins with %"),
        ("", "f.yaml:1: is empty; begin with `accredit: catalogue/1`"),
        ("# nothing\n", "f.yaml:2: is empty; begin with `accredit: catalogue/1`"),
        ("1: a", "f.yaml:1: the name `1` is not text; put it in quotes"),
        ("true: a", "f.yaml:1: the name `true` is not text; put it in quotes"),
        ("? [a]\n: b", "f.yaml:1: the name of a member is not text; write a word before the colon"),
        ("a: .inf", "f.yaml:1: `.inf` is not a number that JSON has; put it in quotes"),
        ("a: .NaN", "f.yaml:1: `.NaN` is not a number that JSON has; put it in quotes"),
        ("a: 1e999", "f.yaml:1: a number is out of range; put it in quotes"),
        ("a: 9223372036854775808", "f.yaml:1: a number is out of range; put it in quotes"),
        ("a: 1" + "0" * 9_000, "f.yaml:1: a number is out of range; put it in quotes"),
        ("a: 0x" + "f" * 99, "f.yaml:1: a number is out of range; put it in quotes"),
        ('a: "\\ud83d\\udd11"', "f.yaml:1: an escape stands for half a character; write the character itself"),
        ("[" * 30 + "]" * 30, "f.yaml:1: is nested deeper than 24; nothing here is that deep"),
        (b"a: \xff", "f.yaml:1: is not UTF-8; save it as UTF-8"),
        (b"\n\na: \xff", "f.yaml:3: is not UTF-8; save it as UTF-8"),
        ("\xff\xfe".encode("latin-1"), "f.yaml:1: is not UTF-8; save it as UTF-8"),
        (b"#" * (yaml.MAX_BYTES + 1), f"f.yaml: has more than {yaml.MAX_BYTES} bytes; split it into several files"),
    ],
)  # fmt: skip
def test_what_is_more_than_plain_data_is_refused(text: str | bytes, expected: str) -> None:
    assert fault_of(text) == expected


@pytest.mark.parametrize(
    "text",
    ["a: b: c", "a: [1", "a: {b", "\ta: 1", "a: 'x", 'a: "\\UFFFFFFFF"', 'a: "\\q"', "a: \x00",
     "a: |x", "- a\nb: c", "a: @x", "a: `x"],
)  # fmt: skip
def test_what_is_no_yaml_is_refused(text: str) -> None:
    assert ": is not YAML: " in fault_of(text)


def test_the_version_may_be_stated() -> None:
    text = b"%YAML 1.2\n---\na: off\n...\n"
    assert yaml.read(text, "f.yaml").value == {"a": "off"}


def test_a_wide_document_is_refused_by_its_values() -> None:
    text = "[" + "1," * (yaml.MAX_NODES + 1) + "]"
    assert "has more than" in fault_of(text)


def test_every_value_knows_its_line() -> None:
    text = "\ufeffa:\n  - b\n  - c: d\n    e:\n      f: [1,\n        2]\n"
    document = yaml.read(text.encode(), "f.yaml")
    assert document.value == {"a": ["b", {"c": "d", "e": {"f": [1, 2]}}]}
    for path, line in [
        ((), 1), (("a",), 1), (("a", 0), 2), (("a", 1, "c"), 3), (("a", 1, "e"), 4),
        (("a", 1, "e", "f", 0), 5), (("a", 1, "e", "f", 1), 6),
        (("a", 1, "e", "missing"), 4), (("nowhere",), 1),
    ]:  # fmt: skip
        assert document.line(path) == line, path
    assert str(document.fault(("a", 1, "e"), "is wrong", "mend it")) == (
        "f.yaml:4: a[1].e: is wrong; mend it"
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False) | st.text("off: \n\"'#é\U0001f511", max_size=9),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc# é", max_size=4), inner, max_size=3),
        max_leaves=9,
    )
)  # fmt: skip
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_json_is_yaml(value: object) -> None:
    # Section 1.2 of YAML 1.2.2: every JSON document is a YAML document of the same value.
    assert yaml.read(json.dumps(value, ensure_ascii=False).encode(), "f.yaml").value == value


PIECES = [
    "accredit: catalogue/1\n", "issuers:\n", "  - ", "a: ", "off", "[", "]", "{", "}", ",", ": ", "? ",
    "&x", "*x", "!!", "!<", ">", "|", "'", '"', "\\", "\\U", "\\x", "%", "---\n", "...\n", "\n", " ",
    "\t", "#", "<<", "~", "1", "\x00", "\x85", "\u2028", "\ufeff", "\ud7ff", "é", "\U0001f511", "@", "`",
]  # fmt: skip


@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=24).map("".join).map(str.encode),
                 st.binary(max_size=64)))  # fmt: skip
@example(b'"\\UFFFFFFFF"')
@example(b"[" * 5_000)
@example(b"{" * 5_000)
@example(b"- " * 5_000)
@example(b"? " * 5_000)
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_no_input_ends_in_anything_but_a_catalogue_error(data: bytes) -> None:
    try:
        yaml.read(data, "f.yaml")
    except CatalogueError as error:
        assert error.faults
