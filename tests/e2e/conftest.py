"""A whole site on loopback: issuer, Accredit, the API behind it, and Envoys as they are asked for."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from accredit.dev.issuer import DevIssuer
from tests.e2e.accredit import Accredit, catalogue
from tests.e2e.envoy import FULL, Change, Envoy
from tests.e2e.upstream import Upstream

ORDERS = "https://api.example/orders"
BILLING = "https://api.example/billing"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


class Site:
    """Everything that one file of tests needs; parts start when they are first asked for.

    Args:
        folder: For files and logs.
        settings: Sections of Accredit's settings.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, Mapping[str, object]] | None = None
    ) -> None:
        self.folder = folder
        self._envoys: dict[str, Envoy] = {}
        with ExitStack() as stack:
            self.issuer = stack.enter_context(DevIssuer())
            self.upstream = stack.enter_context(Upstream())
            server = Accredit(folder, self.catalogue(), settings=settings)
            self.accredit = stack.enter_context(server)
            # Whatever failed above has been stopped by now.
            self._stack = stack.pop_all()

    def catalogue(self) -> dict[str, Any]:
        """What Accredit serves from."""
        return catalogue(self.issuer.issuer)

    def envoy(
        self, name: str = "shipped", *, version: str = FULL, change: Change | None = None
    ) -> Envoy:
        """Returns the Envoy of that name, which is started at the first call."""
        if name not in self._envoys:
            self._envoys[name] = self._stack.enter_context(
                Envoy(
                    self.folder,
                    accredit=self.accredit.port,
                    api=self.upstream.port,
                    version=version,
                    change=change,
                    name=f"envoy-{name}",
                )
            )
        return self._envoys[name]

    def token(self, scope: str = "orders:read", audience: str = ORDERS, **more: Any) -> str:
        """A right token for the orders API."""
        return self.issuer.mint(audience=audience, client="partner", scope=scope, **more)

    def close(self) -> None:
        """Stops every part."""
        self._stack.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for a file of tests."""
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _nothing_left_of_the_test_before(request: pytest.FixtureRequest) -> None:
    if "site" in request.fixturenames:
        request.getfixturevalue("site").upstream.take()
