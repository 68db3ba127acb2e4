"""How can others check it? Packs of runs, and cells that are measured again."""

from bench.sharing.packing import Packed, pack

__all__ = ["Packed", "pack"]
