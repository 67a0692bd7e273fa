"""The command line: set-up, checks, processes, drills. Each command imports what it needs when it is called."""

from accordant.cli.app import main

__all__ = ["main"]
