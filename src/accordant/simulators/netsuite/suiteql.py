"""SuiteQL, the subset integrations live on: SELECT … FROM … JOIN … WHERE … ORDER BY, with `?` parameters.

A statement is parsed once into closures over a tuple of rows (one per table) and the parameters. A condition
`externalid IN (…)`, `externalid = …` or the same on `id`, joined by AND at the top, is answered from the index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from accordant.simulators.netsuite.grammar import parse
from accordant.simulators.netsuite.statement import (
    Env,
    Expr,
    Join,
    Params,
    Statement,
    Table,
    invalid,
    key_of,
    sortable,
    text_of,
)

_CACHE_LIMIT = 256


class SuiteQL:
    """Runs statements over the account's tables."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self._parsed: dict[str, Statement] = {}

    def run(self, text: str, params: Params, *, limit: int, offset: int) -> tuple[list[dict[str, str]], int]:
        """Return one page of rows as the wire shows them (text, null columns left out) and the total count."""
        statement = self._statement(text)
        if len(params) != statement.parameter_count:
            raise invalid(f"the query has {statement.parameter_count} parameters, {len(params)} were given")
        rows = [env for env in self._rows(statement, params) if statement.where is None or statement.where(env, params)]
        for expr, descending in reversed(statement.order):
            rows.sort(key=lambda env: sortable(expr(env, params)), reverse=descending)
        page = rows[offset : offset + limit]
        return [_shown(statement.select, env, params) for env in page], len(rows)

    def _statement(self, text: str) -> Statement:
        statement = self._parsed.get(text)
        if statement is None:
            if len(self._parsed) >= _CACHE_LIMIT:
                self._parsed.clear()
            statement = self._parsed[text] = parse(text, self._tables)
        return statement

    def _rows(self, statement: Statement, params: Params) -> Iterator[Env]:
        if statement.seek is None:
            rows: Iterable[Any] = statement.table.scan()
        else:
            column, operands = statement.seek
            find = statement.table.seek[column]
            wanted = dict.fromkeys(key_of(operand((), params)) for operand in operands)
            rows = (row for value in wanted for row in find(value))
        envs: Iterator[Env] = ((row,) for row in rows)
        for join in statement.joins:
            envs = _joined(envs, join, params)
        return envs


def _joined(envs: Iterator[Env], join: Join, params: Params) -> Iterator[Env]:
    find = join.table.seek.get(join.own) or _hashed(join)
    for env in envs:
        key = join.other(env, params)
        matches = [] if key is None else list(find(str(key)))
        for row in matches or ([None] if join.outer else []):
            yield (*env, row)


def _hashed(join: Join) -> Callable[[str], Iterable[Any]]:
    groups: dict[str, list[Any]] = {}
    for row in join.table.scan():
        groups.setdefault(str(join.table.columns[join.own].value(row)), []).append(row)
    return lambda key: groups.get(key, ())


def _shown(select: tuple[tuple[str, Expr], ...], env: Env, params: Params) -> dict[str, str]:
    shown = {}
    for name, expr in select:
        value = expr(env, params)
        if value is not None:
            shown[name] = value if isinstance(value, str) else text_of(value)
    return shown
