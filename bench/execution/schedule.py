"""In which order cells are given to a pool."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable

from bench.core import Cell, Record

# Cells that must wait are passed over in looking for one that need not, so many at most.
_PASSED_OVER = 1000
# Cells of a method that are looked at for such as may be fitted along with another.
_ALIKE = 100


class Schedule:
    """The cells that wait to be worked on.

    Of the cells that need the same fitted model one is worked on first, which fits it, and then the
    others, which find it.

    Args:
        cells: in the order in which they are begun, as far as they do not wait for each other.
        learns: whether a cell needs a fitted model.
        uses_gpu: whether a cell computes on a GPU.
        counts_as: how many cells' share of the machine a cell takes.
    """

    def __init__(
        self,
        cells: Iterable[Cell],
        learns: Callable[[Cell], bool],
        uses_gpu: Callable[[Cell], bool],
        counts_as: Callable[[Cell], int] = lambda cell: 1,
    ) -> None:
        self._waiting = deque(cells)
        self._learns, self._uses_gpu, self._counts_as = learns, uses_gpu, counts_as
        self._fitted: set[str] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def take(
        self, running: Collection[Cell], workers: int, ahead: int, gpu_capacity: int
    ) -> list[Cell]:
        """The cells to begin now beside those that are running; they wait no longer.

        Args:
            running: the cells that are begun and have no record.
            workers: cells that are worked on at once.
            ahead: cells that may wait for each worker with the one that it works on; none waits
                beside a cell that takes several shares.
            gpu_capacity: cells that may compute on a GPU.
        """
        being_fitted = set[str]().union(*map(self._model_to_fit, running))
        on_gpu = sum(map(self._uses_gpu, running))
        taken: list[Cell] = []
        passed_over: list[Cell] = []
        shares = [self._counts_as(cell) for cell in running]
        used, most = sum(shares), max(shares, default=1)
        while self._waiting and used < workers * ahead and len(passed_over) < _PASSED_OVER:
            cell = self._waiting.popleft()
            model, gpu = self._model_to_fit(cell), self._uses_gpu(cell)
            share = self._counts_as(cell)
            crowded = max(most, share) > 1 and used + share > workers
            if crowded or model & being_fitted or (gpu and on_gpu >= gpu_capacity):
                passed_over.append(cell)
                continue
            being_fitted |= model
            on_gpu += gpu
            used, most = used + share, max(most, share)
            taken.append(cell)
        self._waiting.extendleft(reversed(passed_over))
        return taken

    def alike(self, cell: Cell) -> tuple[Cell, ...]:
        """Cells that wait for models which may be fitted along with that of a cell on a GPU."""
        if not (self._uses_gpu(cell) and self._model_to_fit(cell)):
            return ()
        near = [other for other in self._waiting if other.method == cell.method][:_ALIKE]
        return tuple(other for other in near if other.training_group == cell.training_group)

    def put_back(self, cell: Cell) -> None:
        """A cell that was taken has no record: it is the next to begin."""
        self._waiting.appendleft(cell)

    def recorded(self, cell: Cell, record: Record) -> None:
        """A cell has its record; those that waited for its model need not any more."""
        if record.status == "done":
            self._fitted |= self._model_to_fit(cell)

    def _model_to_fit(self, cell: Cell) -> set[str]:
        """The key of the model that the cell fits, and no other cell may meanwhile; or none."""
        return {cell.fit_key} - self._fitted if self._learns(cell) else set()
