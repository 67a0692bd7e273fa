"""Kantata OX as the firm's PSA: projects, staffing, approved time, and the engagement's status for delivery."""

from accordant.connectors.kantata.connector import KantataConnector
from accordant.connectors.kantata.settings import KantataSettings

__all__ = ["KantataConnector", "KantataSettings"]
