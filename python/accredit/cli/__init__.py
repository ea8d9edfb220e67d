"""The `accredit` command: one file a noun, and one way to end (`exits.py`)."""

from accredit.cli.app import main

__all__ = ["main"]
