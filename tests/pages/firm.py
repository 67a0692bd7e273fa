"""Nine engagements of three entities as they shall stand: how far each came, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass

from accordant.canonical import BillingMethod


@dataclass(frozen=True)
class Trouble:
    """A live case of an engagement; the amount is in its currency."""

    code: str
    sentence: str
    amount: str
    stage: str = "billing"
    due_days: int = 2
    age_days: int = 1
    role: str = "finance_operations"
    tier: int = 1


@dataclass(frozen=True)
class Work:
    """One engagement to be.

    Args:
        reach: how many of the four business states it reached.
        lines: approved time lines; of these `bill` are on a posted invoice, `draft` more on a draft, `held` held.
        paid: what was paid of the posted invoice; `all` is all of it.
        in_erp: how many lines the ERP confirmed; all when None.
        is_amended: the terms have a second version, which the ERP has not got yet.
    """

    key: str
    client: str
    name: str
    entity: str
    value: int
    method: BillingMethod = BillingMethod.TIME_AND_MATERIALS
    reach: int = 4
    sold_days_ago: int = 30
    lines: int = 0
    bill: int = 0
    draft: int = 0
    held: int = 0
    paid: str = ""
    in_erp: int | None = None
    is_amended: bool = False
    troubles: tuple[Trouble, ...] = ()


_EVIDENCE = Trouble(
    "milestone.evidence_missing",
    "Milestone M4, pump station survey, of Northmere Water plc cannot be billed: the acceptance certificate is not in "
    "the document store.",
    "24000.00",
    age_days=6,
    role="delivery",
    tier=2,
)
_RATE = Trouble(
    "erp.rate.differs",
    "Two systems disagree about the principal’s rate for Northmere Water plc: contract v2 says £195.00, the ERP still "
    "has £185.00.",
    "12480.00",
    "ERP posting",
)
_ORDER = Trouble(
    "invoice.order_exceeded",
    "Draft for Castellan Rail Ltd is stopped: the order has £11,150.00 left and the draft asks for £27,225.04.",
    "27225.04",
    due_days=1,
    age_days=2,
)
_TWO_CLIENTS = Trouble(
    "customer.ambiguous",
    "Brightwell Diagnostics Ltd cannot be billed yet: 2 records in netsuite-main may be the same client.",
    "38500.00",
    "project creation",
    due_days=1,
    age_days=3,
    role="steward",
)
_NO_MAPPING = Trouble(
    "erp.time.no_department",
    "24 approved time lines for Vierlande Pharma GmbH are not in the ERP: cost center DE-4410 has no mapping.",
    "27221.00",
    "ERP posting",
    due_days=1,
)
_TAX = Trouble(
    "tax.registration_missing",
    "The draft for Juniper Falls Health Inc. cannot be posted: the client has no tax registration for Ohio.",
    "22987.53",
    "ERP posting",
)

FIRM = (
    Work(
        "northmere",
        "Northmere Water plc",
        "Network resilience program",
        "uk01",
        1_240_000,
        BillingMethod.CAPPED,
        sold_days_ago=24,
        lines=46,
        bill=24,
        draft=12,
        held=3,
        paid="18500.00",
        is_amended=True,
        troubles=(_EVIDENCE, _RATE),
    ),
    Work(
        "castellan",
        "Castellan Rail Ltd",
        "Signalling assurance",
        "uk01",
        420_000,
        lines=30,
        draft=24,
        troubles=(_ORDER,),
    ),
    Work(
        "brightwell",
        "Brightwell Diagnostics Ltd",
        "Laboratory intake review",
        "uk01",
        38_500,
        reach=1,
        sold_days_ago=3,
        troubles=(_TWO_CLIENTS,),
    ),
    Work("halvard", "Halvard & Roe Logistics", "Depot automation", "uk01", 96_000, lines=22, bill=22, paid="all"),
    Work(
        "tarn",
        "Tarn Valley Energy Group Holdings (Northern Region) Limited",
        "Grid connection studies",
        "uk01",
        61_400,
        BillingMethod.FIXED_FEE,
        lines=9,
        in_erp=6,
    ),
    Work(
        "vierlande",
        "Vierlande Pharma GmbH",
        "Plant data platform",
        "de01",
        540_000,
        lines=38,
        bill=10,
        in_erp=14,
        troubles=(_NO_MAPPING,),
    ),
    Work(
        "steinbruck",
        "Steinbruck Maschinenbau AG",
        "Service desk run",
        "de01",
        180_000,
        BillingMethod.RETAINER,
        lines=12,
        held=2,
    ),
    Work(
        "juniper", "Juniper Falls Health Inc.", "Claims intake", "us01", 310_000, lines=26, draft=20, troubles=(_TAX,)
    ),
    Work("redstone", "Redstone Freight LLC", "Yard telemetry", "us01", 150_000, reach=1, sold_days_ago=1),
)
