"""The demo firm: generated from a seed, loaded into the simulators, and played by people over the vendors' APIs."""

from accordant.simulators.firm.estate import SimulatedEstate
from accordant.simulators.firm.firm import Firm

__all__ = ["Firm", "SimulatedEstate"]
