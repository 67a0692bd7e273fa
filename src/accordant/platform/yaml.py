"""Read the estate's YAML the way its authors mean it; no schema of any one file belongs here.

Three differences to the plain loader: only `true` and `false` are booleans (Norway stays `NO`), a number with a
point is an exact Decimal, and a key written twice is an error.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

import yaml

from accordant.kernel import InvalidInput


class _Loader(yaml.SafeLoader):
    """The safe loader with the three differences of this module."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the parent's signature
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if (key.tag, key.value) in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"`{key.value}` is written twice", key.start_mark
                    )
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)

    def exact_number(self, node: yaml.ScalarNode) -> Decimal:
        return Decimal(node.value.replace("_", ""))


_BOOL, _FLOAT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in {_BOOL, _FLOAT}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver(_FLOAT, re.compile(r"^[-+]?[0-9][0-9_]*\.[0-9]+$"), list("-+0123456789"))
_Loader.add_constructor(_FLOAT, _Loader.exact_number)


def read_yaml(text: str, *, name: str) -> Any:
    """Return the one document of the text; raises InvalidInput that names the file and the line."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.YAMLError as error:
        raise InvalidInput(
            f"{name} is not valid YAML: {error}", code="yaml.invalid", remedy="Mend the line named above."
        ) from error
