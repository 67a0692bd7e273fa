"""Tables as CSV for a spreadsheet: what would be read as a formula is text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from starlette.responses import Response

_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_response(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return a download named `name`.csv, UTF-8 with a mark so that a spreadsheet reads it so."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def safe_cell(value: object) -> str:
    """Return the text of a cell; text that a spreadsheet would run is quoted, a number stays a number.

    >>> [safe_cell(v) for v in ("=HYPERLINK(1)", "@x", "-12.50", "Northmere")]
    ["'=HYPERLINK(1)", "'@x", '-12.50', 'Northmere']
    """
    text = str(value)
    if text.startswith(_BEGINS_FORMULA) and not _is_number(text):
        return f"'{text}"
    return text


def _is_number(text: str) -> bool:
    return (
        text.isascii()
        and text.lstrip("-+").replace(".", "", 1).isdigit()
        and text[:2].count("-") + text[:2].count("+") < 2
    )
