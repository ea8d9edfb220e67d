"""The catalogue: which issuers are trusted, which APIs are protected, and what each route needs."""

from accredit.catalogue.load import Sources, load, read, validate
from accredit.catalogue.whole import Catalogue, Place

__all__ = ["Catalogue", "Place", "Sources", "load", "read", "validate"]
