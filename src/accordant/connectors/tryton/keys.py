"""Where our keys live in Tryton: as a UUID on lines of time, as text in the notes of projects."""

from __future__ import annotations

from uuid import UUID, uuid5

_NAMESPACE = UUID("6d0c5c1e-3a53-4c0b-9a5e-2f6a1a7c9b10")
_MARK = "accordant "


def uuid_of(key: str) -> str:
    """Return the UUID under which a record with this key is kept; Tryton refuses a second one."""
    return str(uuid5(_NAMESPACE, key))


def read_notes(text: str | None) -> dict[str, str]:
    """Return what our lines in a text say: `accordant key: prj_1#1` is `{"key": "prj_1#1"}`."""
    ours = (line.removeprefix(_MARK) for line in (text or "").splitlines() if line.startswith(_MARK))
    return {name: value for name, _, value in (line.partition(": ") for line in ours)}


def write_notes(text: str | None, notes: dict[str, str]) -> str:
    """Return the text with these as our lines, in front of what people wrote."""
    theirs = [line for line in (text or "").splitlines() if not line.startswith(_MARK)]
    ours = [f"{_MARK}{name}: {' '.join(value.split())}" for name, value in notes.items()]
    return "\n".join([*ours, *theirs])


def note_pattern(name: str, value: str) -> str:
    """Return a pattern that finds texts with one of our lines; it may find more, so read what it found."""
    return f"%{_MARK}{name}: {value}%"
