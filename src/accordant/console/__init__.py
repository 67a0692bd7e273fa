"""The operations console: server-rendered pages over the read models of `insight`, live by SSE.

It authenticates, translates and renders; business decisions and queries belong to the rooms below.
"""

from accordant.console.app import create_console
from accordant.console.deps import ConsoleDeps

__all__ = ["ConsoleDeps", "create_console"]
