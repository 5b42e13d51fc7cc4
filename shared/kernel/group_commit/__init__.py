"""Group commit: what comes together is decided together, everyone gets their own answer."""

from shared.kernel.group_commit.admission import Limits
from shared.kernel.group_commit.group import GroupCommit
from shared.kernel.group_commit.writer import CROWDED_SECONDS, FEW, PATIENCE_MS, Contended, Held

__all__ = ["CROWDED_SECONDS", "FEW", "PATIENCE_MS", "Contended", "GroupCommit", "Held", "Limits"]
