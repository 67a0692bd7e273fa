"""Identity and master data: cross-references, matching, merges, golden records, echoes, segments in two times.

Who owns a field is decided in `governance` and handed in; no network and no vendor belong here.
"""

from accordant.masterdata.alias import alias, current_ids, end_alias, merged_into
from accordant.masterdata.xref import Xref, end, external_ids, find, find_external, kind_of, link, resolve

__all__ = [
    "Xref",
    "alias",
    "current_ids",
    "end",
    "end_alias",
    "external_ids",
    "find",
    "find_external",
    "kind_of",
    "link",
    "merged_into",
    "resolve",
]
