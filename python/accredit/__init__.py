"""Accredit decides, over gRPC, whether a token may be used here, now, by this client."""

from typing import Final

# The Cargo workspace states the same number; a contract test compares the two.
__version__: Final = "0.1.0"
__all__ = ["__version__"]
