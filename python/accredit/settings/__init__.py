"""The server's settings: one TOML file, variables over it, flags over both; frozen once loaded."""

from accredit.settings.address import Address
from accredit.settings.load import load
from accredit.settings.model import (
    CatalogueSettings,
    CheckListener,
    HttpListener,
    InsecureSettings,
    LimitsSettings,
    ListenSettings,
    LogSettings,
    RouteMetadata,
    SelectorsSettings,
    ServicesListener,
    Settings,
    StateSettings,
    TimeSettings,
    TrustSettings,
)

__all__ = [
    "Address",
    "CatalogueSettings",
    "CheckListener",
    "HttpListener",
    "InsecureSettings",
    "LimitsSettings",
    "ListenSettings",
    "LogSettings",
    "RouteMetadata",
    "SelectorsSettings",
    "ServicesListener",
    "Settings",
    "StateSettings",
    "TimeSettings",
    "TrustSettings",
    "load",
]
