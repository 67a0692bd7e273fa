"""A simulated Kantata OX (PSA): projects, staffing, time, expenses, invoices, external references, pulled events."""

from accordant.simulators.kantata.simulator import TOKEN, TOKEN_WITHOUT_MONEY, KantataSimulator

__all__ = ["TOKEN", "TOKEN_WITHOUT_MONEY", "KantataSimulator"]
