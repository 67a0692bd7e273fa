"""The firm's months at an accelerated pace: deals are won, people work, leads approve, clients pay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Self

from accordant.simulators.firm.desks import KantataDesk, NetSuiteDesk, Refused, SalesforceDesk, TryAgain
from accordant.simulators.firm.firm import Firm
from accordant.simulators.firm.model import Approval, Deal, TimeLine
from accordant.simulators.firm.people import Client, Resourcer, Seller
from accordant.simulators.firm.time_office import Approver, Consultant, Sheet, TimeOffice
from accordant.simulators.firm.tryton import TrytonClients, TrytonDesk

_SELLING_WEEKS = 3
_COMPLETED_IN_WEEK = 5
_REOPENED_IN_WEEK = 4
_LATE_WEEKS = 2
_SHORTEST_LOOK_S, _LOOK_S = 0.02, 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the story is; `troubles` counts acts that failed and were left for the next round."""

    week: int = 0
    weeks: int = 0
    won: int = 0
    active: int = 0
    logged: int = 0
    approved: int = 0
    corrected: int = 0
    payments: int = 0
    troubles: int = 0
    is_over: bool = False


class Story:
    """All the people of one firm, acting week by week.

    Args:
        firm: the firm.
        seller: in the CRM.
        office: in the PSA.
        client: in the ERP; None where the ERP is not a simulated one.
        on_progress: is told after every round.
    """

    def __init__(
        self,
        firm: Firm,
        seller: Seller,
        office: TimeOffice,
        client: Client | TrytonClients | None,
        *,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self.firm = firm
        self.seller = seller
        self.office = office
        self.resourcer = Resourcer(office.desk)
        self.consultant = Consultant(office)
        self.approver = Approver(office)
        self.client = client
        self.progress = Progress()
        self._on_progress = on_progress
        self._sheets: dict[str, Sheet] = {}
        self._won: set[str] = set()
        self._reopened: set[str] = set()
        self._completed: set[str] = set()
        monday = min(line.worked_on for line in firm.lines)
        self._first_monday = monday - timedelta(days=monday.weekday())
        self.weeks = max(map(self._week_of, firm.lines))

    @classmethod
    def at(
        cls,
        firm: Firm,
        addresses: Mapping[str, str],
        logins: Mapping[str, Mapping[str, str]],
        *,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> Self:
        """Return a story whose people reach the systems at these addresses; those not named are left alone."""
        client: Client | TrytonClients | None = None
        if "netsuite-main" in addresses:
            client = Client(NetSuiteDesk.at(addresses["netsuite-main"], logins["netsuite-main"]), firm)
        elif "tryton-main" in addresses:
            client = TrytonClients(TrytonDesk.at(addresses["tryton-main"], logins["tryton-main"]), firm)
        seller = Seller(SalesforceDesk.at(addresses["salesforce-main"], logins["salesforce-main"]), firm)
        office = TimeOffice(KantataDesk.at(addresses["kantata-main"], logins["kantata-main"]), firm)
        return cls(firm, seller, office, client, on_progress=on_progress)

    async def play(self, pace: float = 1.0, *, patience_s: float = 600.0) -> Progress:
        """Play every week, then go on until everything that people do is done.

        Begun again after an interruption, it finds in the systems what was done already.

        Args:
            pace: seconds that a week takes; 0 plays as fast as the systems answer.
            patience_s: how long people wait, after the last week, for projects that do not appear.

        Returns:
            How far it came; `is_over` is False when patience ended before everything was done.
        """
        for week in range(1, self.weeks + 1):
            await self._round(week)
            await asyncio.sleep(pace)
        until = monotonic() + patience_s
        while not self._is_done() and monotonic() < until:
            await self._round(self.weeks + _LATE_WEEKS + 1)
            await asyncio.sleep(max(_SHORTEST_LOOK_S, min(pace, _LOOK_S)))
        self._tell(replace(self.progress, is_over=self._is_done()))
        return self.progress

    async def pay(self, pace: float = 1.0, *, looks: int = 4) -> Progress:
        """Let the clients look at their invoices some more times; posted ones are paid by habit."""
        for _ in range(looks):
            await self._pay()
            await asyncio.sleep(pace)
        return self.progress

    async def close(self) -> None:
        """Send everybody home."""
        for desk in (self.seller.desk, self.office.desk, self.client.desk if self.client else None):
            if desk:
                await desk.close()

    # -- one round ---------------------------------------------------------------------------------------------------

    async def _round(self, week: int) -> None:
        await self._sell(week)
        await self._attempt(self._look_for_projects)
        await self._attempt(self.resourcer.decide)
        for sheet in self._sheets.values():
            await self._attempt(partial(self._work, sheet, week))
        await self._pay()
        shown = replace(self.progress, week=min(week, self.weeks), weeks=self.weeks)
        self._tell(replace(shown, won=len(self._won), active=len(self._sheets)))

    async def _sell(self, week: int) -> None:
        deals = self.firm.deals
        for deal in deals[: -(-len(deals) * week // _SELLING_WEEKS)]:
            await self._once(self._won, deal, self.seller.win)
            if deal.is_won_twice and week >= _REOPENED_IN_WEEK:
                await self._once(self._reopened, deal, self.seller.win_again)
            if deal.lacks and week >= _COMPLETED_IN_WEEK:
                await self._once(self._completed, deal, self.seller.complete)

    async def _look_for_projects(self) -> None:
        codes = await self.seller.project_codes()
        for deal in self.firm.deals:
            if deal.code not in self._sheets and deal.name in codes:
                sheet = await self.office.open(deal, codes[deal.name])
                if sheet:
                    self._sheets[deal.code] = sheet

    async def _work(self, sheet: Sheet, week: int) -> None:
        lines = [line for line in sheet.lines if self._week_of(line) <= week]
        self._add(logged=await self.consultant.log(sheet, lines))
        await self.consultant.submit(sheet, lines)
        ready = [line for line in lines if self._is_approved_by(line, week)]
        self._add(approved=await self.approver.approve(sheet, ready))
        for line in ready:
            if line.corrected_minutes and self._week_of(line) < week:
                await self._correct(sheet, line)

    async def _correct(self, sheet: Sheet, line: TimeLine) -> None:
        entry = sheet.entries[line.id]
        if entry.minutes == line.corrected_minutes:
            return
        if entry.is_approved:
            await self.approver.withdraw(sheet, line)
        await self.consultant.correct(sheet, line)
        await self.consultant.submit(sheet, [line])
        await self.approver.approve(sheet, [line])
        self._add(corrected=1)

    async def _pay(self) -> None:
        if self.client:
            await self._attempt(self._collect)

    async def _collect(self) -> None:
        if self.client:
            self._add(payments=await self.client.pay())

    # -- what is due, what is done -----------------------------------------------------------------------------------

    def _week_of(self, line: TimeLine) -> int:
        return (line.worked_on - self._first_monday).days // 7 + 1

    def _is_approved_by(self, line: TimeLine, week: int) -> bool:
        delays = {Approval.ON_TIME: 0, Approval.LATE: _LATE_WEEKS}
        return line.approval in delays and self._week_of(line) + delays[line.approval] <= week

    def _is_done(self) -> bool:
        return len(self._sheets) == len(self.firm.deals) and all(map(self._is_complete, self._sheets.values()))

    def _is_complete(self, sheet: Sheet) -> bool:
        return sheet.is_current and all(
            (entry := sheet.entries.get(line.id)) is not None
            and (line.approval is Approval.NEVER or entry.is_approved)
            and entry.minutes == (line.corrected_minutes or line.minutes)
            for line in sheet.lines
        )

    # -- carrying on -------------------------------------------------------------------------------------------------

    async def _once(self, done: set[str], deal: Deal, act: Callable[[Deal], Awaitable[None]]) -> None:
        if deal.code not in done and await self._attempt(partial(act, deal)):
            done.add(deal.code)

    async def _attempt(self, act: Callable[[], Awaitable[object]]) -> bool:
        """Do something; a system in trouble is left for the next round."""
        try:
            await act()
        except (TryAgain, Refused):
            self._add(troubles=1)
            return False
        return True

    def _add(self, **more: int) -> None:
        for name, count in more.items():
            self.progress = replace(self.progress, **{name: getattr(self.progress, name) + count})

    def _tell(self, progress: Progress) -> None:
        self.progress = progress
        self._on_progress(progress)
