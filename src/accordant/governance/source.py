"""Estate files as written: YAML with the line of every key, and findings that say where a mistake is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake in the estate.

    Args:
        path: file and line, relative to the estate's folder: `accordant.yaml:12`.
        message: what is wrong, in plain words, never a secret's value.
        remedy: what to do.
    """

    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" {self.remedy}" if self.remedy else "")


class Sheet:
    """One YAML file: its plain content, and the line on which each key and item begins."""

    def __init__(self, folder: Path, file: Path) -> None:
        self.name = file.relative_to(folder).as_posix()
        self.content: Any = None
        self.findings: list[Finding] = []
        self._lines: dict[Place, int] = {}
        self._loader: yaml.SafeLoader | None = None
        try:
            self._read(file)
        except FileNotFoundError:
            self.findings.append(Finding(self.name, "The file does not exist.", "Run `accordant init` to begin one."))
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            self.findings.append(Finding(f"{self.name}:{line}", f"This is not YAML: {error.problem}."))
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            self.findings.append(Finding(self.name, f"This is not YAML: {error}."))

    def at(self, *place: str | int) -> str:
        """Return `file:line` of a place in the content, or of the closest thing around it."""
        for end in range(len(place), -1, -1):
            line = self._lines.get(place[:end])
            if line is not None:
                return f"{self.name}:{line}"
        return self.name

    def finding(self, place: Place, message: str, remedy: str = "") -> Finding:
        """Build a finding about a place in this file."""
        return Finding(self.at(*place), message, remedy)

    def explain(self, error: ValidationError, known: Iterable[str]) -> list[Finding]:
        """Say each validation error in plain words, with a suggestion from the known keys."""
        return [self._explained(item["loc"], item["type"], item["msg"], known) for item in error.errors()]

    def _explained(self, place: Place, kind: str, message: str, known: Iterable[str]) -> Finding:
        where = self._words(place)
        if kind == "missing":
            return self.finding(place, f"{where} is missing.", f"Add `{place[-1]}:` here.")
        if kind == "extra_forbidden":
            return self.finding(place, f"{where} is not a key that is known here.", suggestion(str(place[-1]), known))
        return self.finding(place, f"{where} cannot be used: {message.removeprefix('Value error, ')}.")

    def _words(self, place: Place) -> str:
        """Name a place by the ids of what it lies in: `currency of uk01`."""
        owner, content = "", self.content
        for step in place[:-1]:
            try:
                content = content[step]
            except (KeyError, IndexError, TypeError):
                break
            if isinstance(content, dict) and isinstance(content.get("id"), str):
                owner = content["id"]
            elif isinstance(step, str):
                owner = step
        return f"`{place[-1]}` of {owner}" if owner else f"`{place[-1] if place else self.name}`"

    def _read(self, file: Path) -> None:
        with file.open(encoding="utf-8") as stream:
            self._loader = yaml.SafeLoader(stream)
            try:
                node = self._loader.get_single_node()
                self.content = self._built(node, ()) if node is not None else None
            finally:
                self._loader.dispose()

    def _built(self, node: yaml.Node, place: Place) -> Any:
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self._built(item, (*place, index)) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            return self._scalar(node)
        result: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in result:
                here = f"{self.name}:{key.start_mark.line + 1}"
                self.findings.append(Finding(here, f"`{name}` stands here twice.", "Keep one of them."))
            self._lines[(*place, name)] = key.start_mark.line + 1
            result[name] = self._built(value, (*place, name))
        return result

    def _scalar(self, node: yaml.Node) -> Any:
        assert self._loader is not None  # noqa: S101 - set while reading
        return self._loader.construct_object(node)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `Did you mean …?` when a known word is close, else what the known words are."""
    words = sorted(set(known))
    close = difflib.get_close_matches(word, words, n=1)
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"Known are {', '.join(f'`{w}`' for w in words)}." if 0 < len(words) <= 12 else ""
