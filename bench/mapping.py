"""How dear a mapping is, as a ratio to decoding and encoding the same bytes; prints one JSON object.

From bytes: decode with exact decimals, read into the validated object, look for drift. From a decoded record: the same
without the decoding. The yardstick is `json.loads` + `json.dumps` of the same bytes. Run: `python bench/mapping.py`.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from decimal import Decimal
from time import perf_counter
from typing import Any

from accordant.canonical import Invoice, TimeEntry
from accordant.platform.mapping import Mapping
from accordant.platform.yaml import read_yaml

_REPEATS = 5
_SECONDS_PER_RUN = 0.25
_TARGETS = {"from_bytes": 0.35, "from_decoded": 0.6}

_TIME = """
canonical: TimeEntry
vendor: time_entries
id: id
changed_at: updated_at
fields:
  project_id: {from: workspace_id, as: ref, type: workspaces}
  worker_id: {from: user_id, as: ref, type: users}
  worked_on: {from: date_performed, as: date}
  hours: {from: time_in_minutes, as: minutes}
  approval: {from: approved, as: {choice: {true: approved, false: pending}}}
  is_billable: billable
  rate: {from: [rate_in_cents, currency], as: money_minor}
  task: {from: story_id, as: text}
  note: notes
ignore: [role_id, cost_rate_in_cents, currency_symbol, currency_base_unit, is_invoiced, invoice_id, taxable, created_at]
"""
_TIME_RECORD = {
    "id": "9000017",
    "workspace_id": "41000123",
    "user_id": "5100042",
    "story_id": "77000911",
    "role_id": "33",
    "date_performed": "2026-03-17",
    "time_in_minutes": 450,
    "billable": True,
    "notes": "Workshop on the target operating model, with follow-up",
    "rate_in_cents": 18500,
    "cost_rate_in_cents": 9100,
    "currency": "GBP",
    "currency_symbol": "£",
    "currency_base_unit": 100,
    "approved": True,
    "is_invoiced": False,
    "invoice_id": None,
    "taxable": True,
    "created_at": "2026-03-17T17:02:11Z",
    "updated_at": "2026-03-18T08:14:55Z",
}
_INVOICE = """
canonical: Invoice
vendor: invoice
id: id
changed_at: lastModifiedDate
fields:
  number: tranId
  customer_id: {from: entity.id, as: ref, type: customer}
  contract_id: {from: custbody_contract, as: ref, type: salesOrder}
  contract_version: {from: custbody_contract_version, as: int}
  project_id: {from: job.id, as: ref, type: job}
  entity: {from: subsidiary.id, as: {choice: {"1": uk01, "2": us01, "3": de01}}}
  currency: currency.refName
  invoice_on: {from: tranDate, as: date}
  due_on: {from: dueDate, as: date}
  po_number: otherRefNum
  state: {from: status.id, as: {choice: {A: posted, B: paid, V: void}}}
  lines:
    each: item.items
    fields:
      id: {from: line, as: text}
      sources: {each: custcol_sources}
      description: description
      quantity: {from: quantity, as: decimal}
      unit_price: {from: [rate, ^currency.refName], as: money}
      amount: {from: [amount, ^currency.refName], as: money}
      tax_code: taxCode.refName
ignore: [total, "*.refName", "*.id", "*.links"]
"""
_INVOICE_RECORD = {
    "id": "88123",
    "tranId": "INV-2026-00417",
    "entity": {"id": "1207", "refName": "Northwind Partners", "links": []},
    "custbody_contract": "5512",
    "custbody_contract_version": 2,
    "job": {"id": "3307", "refName": "NWP-001 Finance transformation", "links": []},
    "subsidiary": {"id": "1", "refName": "UK", "links": []},
    "currency": {"id": "2", "refName": "GBP", "links": []},
    "tranDate": "2026-03-31",
    "dueDate": "2026-04-30",
    "otherRefNum": "PO-4711",
    "status": {"id": "A", "refName": "Open"},
    "total": 33300.00,
    "lastModifiedDate": "2026-03-31T18:20:00Z",
    "item": {
        "items": [
            {
                "line": number,
                "description": f"Senior consultant, week {number}",
                "quantity": 15.25,
                "rate": 185.50,
                "amount": 2828.88,
                "custcol_sources": [f"line_{number}a", f"line_{number}b"],
                "taxCode": {"id": "7", "refName": "GB-STD-20", "links": []},
            }
            for number in range(1, 13)
        ]
    },
}


def _mapping(declaration: str, model: Any) -> Mapping[Any]:
    return Mapping(read_yaml(declaration, name="bench"), model=model)


def _seconds_per_call(work: Callable[[], object]) -> float:
    count, spent = 0, 0.0
    while spent < _SECONDS_PER_RUN:
        start = perf_counter()
        for _ in range(50):
            work()
        spent += perf_counter() - start
        count += 50
    return spent / count


def _measure(mapping: Mapping[Any], record: dict[str, Any]) -> dict[str, Any]:
    """Return the median ratios of interleaved runs, with their range, and microseconds per record."""
    content = json.dumps(record).encode()
    decoded = json.loads(content, parse_float=Decimal)
    assert not mapping.read(decoded, system="bench").unknown  # noqa: S101 - a bench of a wrong mapping is worthless
    works: dict[str, Callable[[], object]] = {
        "bare": lambda: json.dumps(json.loads(content)),
        "from_bytes": lambda: mapping.read(json.loads(content, parse_float=Decimal), system="bench"),
        "from_decoded": lambda: mapping.read(decoded, system="bench"),
    }
    runs = [{name: _seconds_per_call(work) for name, work in works.items()} for _ in range(_REPEATS)]
    report: dict[str, Any] = {"bare_us": round(statistics.median(run["bare"] for run in runs) * 1e6, 1)}
    for name, target in _TARGETS.items():
        ratios = sorted(run["bare"] / run[name] for run in runs)
        report[name] = {
            "ratio": round(statistics.median(ratios), 3),
            "range": [round(ratios[0], 3), round(ratios[-1], 3)],
            "target": target,
            "us": round(statistics.median(run[name] for run in runs) * 1e6, 1),
        }
    return report


def main() -> None:
    """Measure both payloads and print the report."""
    report = {
        "time_entry": _measure(_mapping(_TIME, TimeEntry), _TIME_RECORD),
        "invoice_12_lines": _measure(_mapping(_INVOICE, Invoice), _INVOICE_RECORD),
    }
    json.dump(report, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
