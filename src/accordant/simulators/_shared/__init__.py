"""What every simulator is made of: the served application, faults by name, records, books, a clock."""

from accordant.simulators._shared.app import Simulator, serve
from accordant.simulators._shared.books import Books, Document
from accordant.simulators._shared.clock import SimulatedClock
from accordant.simulators._shared.faults import FAULTS, Fault, FaultPlan
from accordant.simulators._shared.records import Record, Records

__all__ = [
    "FAULTS",
    "Books",
    "Document",
    "Fault",
    "FaultPlan",
    "Record",
    "Records",
    "SimulatedClock",
    "Simulator",
    "serve",
]
