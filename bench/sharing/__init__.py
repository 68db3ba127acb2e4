"""How can others check it? Packs of runs, and cells that are measured again."""

from bench.sharing.packing import Packed, pack
from bench.sharing.verification import Telling, verify

__all__ = ["Packed", "Telling", "pack", "verify"]
