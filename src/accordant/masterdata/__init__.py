"""Identity and master data: cross-references, matching, merges, golden records, echoes, segments in two times.

Who owns a field is decided in `governance` and handed in; no network and no vendor belong here.
"""

from accordant.masterdata.alias import alias, current_ids, end_alias, merged_into
from accordant.masterdata.customer_key import CustomerKey, fold_name, fold_vat, key_of
from accordant.masterdata.echo import field_hashes, is_echo, news, note_changes, release, remember_echo, stopped
from accordant.masterdata.golden import Golden, survivor
from accordant.masterdata.hierarchy import require_parent
from accordant.masterdata.match import Candidates, MatchResult, NoMatch, Same, match
from accordant.masterdata.segment import Segment, as_of, as_of_many, list_segments, next_change_on, put_segment
from accordant.masterdata.steward import Question, get_question, list_questions, merge, reject, unmerge
from accordant.masterdata.xref import Xref, end, external_ids, find, find_external, kind_of, link, resolve

__all__ = [
    "Candidates",
    "CustomerKey",
    "Golden",
    "MatchResult",
    "NoMatch",
    "Question",
    "Same",
    "Segment",
    "Xref",
    "alias",
    "as_of",
    "as_of_many",
    "current_ids",
    "end",
    "end_alias",
    "external_ids",
    "field_hashes",
    "find",
    "find_external",
    "fold_name",
    "fold_vat",
    "get_question",
    "is_echo",
    "key_of",
    "kind_of",
    "link",
    "list_questions",
    "list_segments",
    "match",
    "merge",
    "merged_into",
    "news",
    "next_change_on",
    "note_changes",
    "put_segment",
    "reject",
    "release",
    "remember_echo",
    "require_parent",
    "resolve",
    "stopped",
    "survivor",
    "unmerge",
]
