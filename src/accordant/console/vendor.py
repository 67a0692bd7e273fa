"""The name under which people know a connected system: from its connector's manifest."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from accordant.console import words


@cache
def vendor_name(connector: str) -> str:
    """Return the vendor's name, `Oracle NetSuite`; a connector that is not installed is called by its id."""
    try:
        manifest = resources.files(f"accordant.connectors.{connector}") / "manifest.toml"
        return str(tomllib.loads(manifest.read_text())["name"])
    except (ModuleNotFoundError, FileNotFoundError):
        return words.readable(connector)
