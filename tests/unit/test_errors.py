"""The tree of exceptions."""

import inspect
import pickle
import re

import pytest

from accredit import errors
from accredit.errors import AccreditError, CatalogueError, Fault, FetchError, SettingsError

PUBLIC = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, Exception) and not name.startswith("_")
}


def test_the_drawn_tree_is_the_real_one() -> None:
    assert set(re.findall(r"\b(\w+Error)\b", errors.__doc__ or "")) == set(PUBLIC)
    assert {*PUBLIC, "Fault"} == set(errors.__all__)
    assert all(issubclass(value, AccreditError) for value in PUBLIC.values())


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault("is wrong"), "is wrong"),
        (Fault("is wrong", "f"), "f: is wrong"),
        (Fault("is wrong", "f", 3), "f:3: is wrong"),
        (Fault("is wrong", "f", 3, "a[0].b", "mend it"), "f:3: a[0].b: is wrong; mend it"),
        (Fault("is wrong", line=3, path="a"), "a: is wrong"),
    ],
)
def test_a_fault_says_where_what_and_what_to_do(fault: Fault, text: str) -> None:
    assert str(fault) == text
    assert fault.to_json().keys() == {"file", "line", "message", "path", "remedy"}


@pytest.mark.parametrize("kind", [SettingsError, CatalogueError])
def test_faults_are_listed_and_survive_a_process_boundary(
    kind: type[SettingsError | CatalogueError],
) -> None:
    one, two = kind([Fault("x", "f")]), kind(["a", Fault("b")])
    assert str(one) == "f: x"
    assert str(two).splitlines()[1:] == ["  a", "  b"]
    assert two.faults == (Fault("a"), Fault("b"))
    again = pickle.loads(pickle.dumps(two))
    assert (type(again), str(again), again.faults) == (kind, str(two), two.faults)
    fetch = pickle.loads(pickle.dumps(FetchError("https://i.example", "timed out")))
    assert (fetch.url, fetch.reason) == ("https://i.example", "timed out")
