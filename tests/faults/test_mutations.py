"""A few mutations of each kind; `mutations.py` tries as many as are asked for."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import mutations

sys.path.pop(0)


def test_mutated_input_gives_one_line_or_the_same_numbers():
    outcomes = mutations.search(45, seed=7)
    assert sum(outcomes.values()) >= 45
    # Most mutations are noticed: where none is, the search has gone blind.
    noticed = sum(count for (_, said), count in outcomes.items() if not said.endswith(" 0"))
    assert noticed > 15
