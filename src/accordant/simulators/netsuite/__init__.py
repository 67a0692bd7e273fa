"""A simulated NetSuite account over SuiteTalk REST, from the vendor's documents; it never knows who calls it."""

from accordant.simulators.netsuite.auth import Enrollment
from accordant.simulators.netsuite.simulator import NetSuiteSimulator

__all__ = ["Enrollment", "NetSuiteSimulator"]
