"""JSONTestSuite through the reader of key sets. The same files run from Rust: vectors_json.rs."""

import json
from pathlib import Path

from accredit.dev.keys import SigningKey
from accredit.engine import inspect_keys
from accredit.errors import KeySetError
from tests.vectors.book import Book

# Grammatical, and refused all the same: a name stands twice.
STRICTER = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}
# Documents that RFC 8259 leaves to the reader, and that ours takes.
ACCEPTED = {
    "i_number_double_huge_neg_exp.json",
    "i_number_real_underflow.json",
    "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json",
}


def test_json_test_suite(vectors: Path) -> None:
    key = json.dumps(SigningKey.generate("Ed25519").public_jwk()).encode()
    book = Book("json-parser")

    def check(file: Path) -> None:
        # The case is a member of an otherwise good key set, and unknown members are ignored.
        jwks = b'{"keys":[' + key + b'],"case":' + file.read_bytes() + b"}"
        try:
            inspect_keys(jwks)
            taken = True
        except KeySetError:
            taken = False
        wanted = file.name.startswith("y_") and file.name not in STRICTER
        assert taken == (wanted or file.name in ACCEPTED)

    files = sorted((vectors / "json-parser" / "test_parsing").iterdir())
    assert {file.name for file in files} >= STRICTER | ACCEPTED
    for file in files:
        book.case(file.name, lambda f=file: check(f))  # type: ignore[misc]
    book.end(318)
