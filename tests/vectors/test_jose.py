"""Tokens and key sets against published vectors. The same files run from Rust: vectors_jose.rs."""

import json
from pathlib import Path
from typing import Any

import pytest

from accredit.engine import inspect_keys, verify_jws
from accredit.errors import KeySetError
from tests.vectors.book import Book

PRIVATE = ("d", "p", "q", "dp", "dq", "qi")


def as_set(key: dict[str, Any]) -> bytes:
    """A key set of one key, or the set itself."""
    return json.dumps(key if "keys" in key else {"keys": [key]}).encode()


def public(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name not in PRIVATE}


def as_token(value: object) -> bytes:
    """A token, or the JSON serialization that a case shows in its place."""
    return (value if isinstance(value, str) else json.dumps(value)).encode()


# What a token meets before any key is looked for; tried with a key that is never reached.
NO_KEY = b'{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"none","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'


def refusal(jwks: bytes) -> str:
    """Why a key set is refused; empty where it is taken."""
    try:
        inspect_keys(jwks)
    except KeySetError as error:
        return error.reason
    return ""


# shared/vectors/wycheproof-jose/OVERRIDES.md. 367, 370, 372 and 373 are MACs, which are refused
# whatever their label says.
MISMATCHED = {"346", "350"}
UNNAMED = {"347", "351"}


def check_wycheproof(group: dict[str, Any], test: dict[str, Any]) -> bool:
    """Whether the token verified, after asserting that it is right that it did or did not."""
    name, token = str(test["tcId"]), as_token(test["jws"])
    assert refusal(as_set(group["private"]))
    if "public" not in group:
        assert verify_jws(token, NO_KEY) in {
            "algorithm_refused", "token_malformed", "header_malformed",
        }  # fmt: skip
        return False
    jwks = as_set(group["public"])
    try:
        outcome = verify_jws(token, jwks)
    except KeySetError as error:
        outcome = error.reason
    figure = str(group["comment"]).startswith("rfc7520")
    if figure and name in MISMATCHED:
        assert outcome == "key_mismatch"
    elif figure and name in UNNAMED:
        assert refusal(jwks)
    else:
        assert (outcome == "ok") == (test["result"] == "valid"), outcome
    return outcome == "ok"


@pytest.mark.parametrize(
    ("file", "cases", "verified", "encrypted"),
    [
        ("json_web_signature_test.json", 401, 32, 0),
        ("json_web_key_test.json", 26, 1, 0),
        ("json_web_crypto_test.json", 83, 2, 23),
    ],
)
def test_wycheproof(vectors: Path, file: str, cases: int, verified: int, encrypted: int) -> None:
    book = Book("wycheproof-jose")
    found: list[str] = []

    def check(group: dict[str, Any], test: dict[str, Any]) -> None:
        if "jws" in test:
            found.extend(["verified"] * check_wycheproof(group, test))
            return
        outcome = verify_jws(as_token(test["jwe"]), NO_KEY)
        assert outcome in {"token_encrypted", "token_malformed"}
        found.append(outcome)

    for group in json.loads((vectors / "wycheproof-jose" / file).read_text())["testGroups"]:
        for test in group["tests"]:
            book.case(str(test["tcId"]), lambda g=group, t=test: check(g, t))  # type: ignore[misc]
    book.end(cases)
    assert (found.count("verified"), found.count("token_encrypted")) == (verified, encrypted)


def test_rfc_examples(vectors: Path) -> None:  # noqa: C901 - a table, one arm an extension
    book = Book("jose-rfc-vectors")
    folder = vectors / "jose-rfc-vectors" / "vectors"
    verified: list[str] = []

    def key_of(name: str) -> dict[str, Any]:
        """A `.jwk` file holds a key, or the name of the file that does."""
        text = (folder / name).read_text().strip()
        if not text.startswith("{"):
            return key_of(text)
        key: dict[str, Any] = json.loads(text)
        return key

    def check(file: Path) -> None:
        text = file.read_text().strip()
        match file.suffix:
            case ".jwsc":
                key = {"kty": "oct"} if file.stem == "rfc7515_A.5" else key_of(f"{file.stem}.jwk")
                if key["kty"] == "oct":
                    assert verify_jws(text.encode(), NO_KEY) == "algorithm_refused"
                else:
                    assert refusal(as_set(key))
                    assert verify_jws(text.encode(), as_set(public(key))) == "ok"
                    verified.append(file.stem)
            case ".jwec":
                assert verify_jws(text.encode(), NO_KEY) == "token_encrypted"
            case ".jwsf" | ".jwsg" | ".jwef" | ".jweg":
                assert verify_jws(text.encode(), NO_KEY) == "token_malformed"
            case ".jwk":
                check_key(key_of(file.name))
            case ".jwkset":
                if file.stem == "rfc7517_A.1":
                    report = inspect_keys(text.encode())
                    assert [key["kid"] for key in report["keys"]] == ["2011-04-29"]
                    assert [key["kid"] for key in report["skipped"]] == ["1"]
                else:
                    assert refusal(text.encode())
            case ".thp":
                report = inspect_keys(as_set(key_of(f"{file.stem}.jwk")))
                assert report["keys"][0]["thumbprint"] == text
            case other:
                raise AssertionError(f"{other} is not known")

    def check_hostile(file: Path) -> None:
        text = file.read_text().strip()
        if file.suffix == ".jwe":
            assert verify_jws(text.encode(), NO_KEY) == "token_malformed"
        else:
            check_key(json.loads(text))

    for file in sorted(folder.iterdir()):
        # Plain text, detached payload and password belong to the cases of the same name.
        if file.suffix not in {".pt", ".payl", ".pwd"}:
            book.case(file.name, lambda f=file: check(f))  # type: ignore[misc]
    for file in sorted((folder.parent / "cve-2023-50967").iterdir()):
        book.case(file.name, lambda f=file: check_hostile(f))  # type: ignore[misc]
    book.end(107)
    assert len(verified) == 6


def check_key(key: dict[str, Any]) -> None:
    """Only a public key for signatures is taken."""
    if key["kty"] == "oct" or "d" in key:
        assert refusal(as_set(key))
    if key["kty"] != "oct":
        assert (refusal(as_set(public(key))) == "") == (key.get("use") != "enc")


def test_cookbook(vectors: Path) -> None:  # noqa: C901 - as above
    book = Book("jose-cookbook")
    root = vectors / "jose-cookbook"
    verified: list[str] = []

    def check_token(name: str, key: dict[str, Any], token: str) -> None:
        if key["kty"] == "oct":
            outcome = verify_jws(token.encode(), NO_KEY)
            assert outcome in {"algorithm_refused", "token_malformed"}
        else:
            assert verify_jws(token.encode(), as_set(public(key))) == "ok"
            verified.append(name)

    def check(file: Path) -> None:
        case = json.loads(file.read_text())
        if file.parent.name == "jwk":
            check_key(case)
            return
        if "output" not in case:
            # A nested token: signed, then encrypted.
            check_token(file.name, case["sign"]["input"]["key"], case["sign"]["output"]["compact"])
            inner = case["encrypt"]["output"]["compact"]
            assert verify_jws(inner.encode(), NO_KEY) == "token_encrypted"
            return
        output = case["output"]
        for form in ("json", "json_flat"):
            if form in output:
                assert verify_jws(json.dumps(output[form]).encode(), NO_KEY) == "token_malformed"
        if "compact" not in output:
            return
        if file.parent.name == "jwe" or file.name.endswith("ecdh-es.json"):
            assert verify_jws(output["compact"].encode(), NO_KEY) == "token_encrypted"
        else:
            check_token(file.name, case["input"]["key"], output["compact"])

    for file in sorted(root.rglob("*.json")):
        book.case(file.relative_to(root).as_posix(), lambda f=file: check(f))  # type: ignore[misc]
    book.end(32)
    assert len(verified) == 5


def test_ed25519_speccheck(vectors: Path) -> None:
    """Its messages are no JWS, so Python tries the keys alone, and Rust the signatures as well."""
    cases = json.loads((vectors / "ed25519-speccheck" / "cases.json").read_text())
    small_order = {0, 1, 10, 11}
    why = "the message is no signing input of a JWS; vectors_jose.rs verifies it"
    book = Book("ed25519-speccheck", {str(n): why for n in range(12) if n not in small_order})

    def check(public_key: str) -> None:
        from accredit.dev.keys import b64url

        key = {"kty": "OKP", "crv": "Ed25519", "x": b64url(bytes.fromhex(public_key))}
        assert "order" in refusal(as_set(key))

    for number, case in enumerate(cases):
        book.case(str(number), lambda c=case: check(c["pub_key"]))  # type: ignore[misc]
    book.end(12)
