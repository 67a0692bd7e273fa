"""Copy htmx and its SSE extension out of the django-htmx wheel, checked by hash; they are never committed."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/accordant/console/static/vendor"
WANTED = {"htmx-2.min.js": "htmx.min.js", "hx-sse-2.min.js": "hx-sse.min.js"}
HASHES = {
    "htmx-2.min.js": "71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de",
    "hx-sse-2.min.js": "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136",
}


def main() -> int:
    """Copy each wanted file; refuse one whose hash is not the one we looked at."""
    files = {p.name: p for p in importlib.metadata.files("django-htmx") or [] if p.name in WANTED}
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, target in WANTED.items():
        body = Path(str(files[name].locate())).read_bytes()
        found = hashlib.sha256(body).hexdigest()
        if found != HASHES[name]:
            print(f"accordant: {name} of django-htmx has hash {found}, expected {HASHES[name]}", file=sys.stderr)
            return 1
        (TARGET / target).write_bytes(body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
