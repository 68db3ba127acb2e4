"""The forms of a method behind one interface: function, fitted class, class that torch trains.

Whatever the harness does for one of them and not for another stands here.
"""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import ImagePairs, Unsupported
from bench.core.threads import limited_threads

if TYPE_CHECKING:
    from bench.core import Array, Noise
    from bench.plugins.contract import Denoiser, Method
    from bench.training import Checkpoints, History


@dataclass(frozen=True)
class FitTask:
    """What a method is fitted on and for.

    Attributes:
        train: clean images, float32 (N, C, H, W); or noisy ones with their targets, see
            `supervision.training_images`.
        seed: the training seed; None where what is learned does not depend on it.
        noise: what to fit for; None where what is learned serves every noise.
        validation: gives the images, or pairs, that decide which epoch of a network is kept.
        lowest: if given, noise levels go from here to that of `noise`.
        recipe: how a network is trained: the fields of a `bench.training.Recipe`.
        watch: told how many epochs are done, with a fraction, of how many, and the loss.
        checkpoints: where a network's training goes on from, and is kept on its way.
    """

    train: Array | ImagePairs
    seed: int | None
    noise: Noise | None
    validation: Callable[[], Array | ImagePairs]
    lowest: float | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    watch: Callable[[float, int, float | None], None] = lambda done, total, loss: None
    checkpoints: Checkpoints | None = None


class Form(ABC):
    """A method on the device and in the threads that it is measured with.

    Attributes:
        method: the method.
        device: where it computes, "cpu" or "cuda".
        threads: those that it may use, by itself or through its libraries.
    """

    #: Images that warm it up, after a first call with few; None for a whole batch.
    warm_up: int | None = 16

    def __init__(self, method: Method, device: str, threads: int) -> None:
        self.method, self.threads = method, threads
        self.device = "cpu"

    @property
    def any_size(self) -> bool:
        """What it learned from images of one size may serve images of another."""
        return True

    @property
    def any_channels(self) -> bool:
        """What it learned from grey images may serve colour ones, or it says itself that not."""
        return True

    @property
    def images_at_once(self) -> int:
        """Images that are handled side by side, each in a thread."""
        return 1

    @property
    def threads_used(self) -> int:
        """Threads that it computes in."""
        return self.threads

    @property
    def uses_torch(self) -> bool:
        """It may compute by torch, as can be told once it was called: torch is loaded by then."""
        if "torch" not in sys.modules:
            return False
        method = self.method
        module = vars(sys.modules[method.target.__module__])
        return method.uses_gpu or "torch" in (*module, *method.declared.requires)

    def create(self, params: Mapping[str, Any], seed: int | None = None) -> Any:
        """The method with its parameters set, unfitted; the seed is of a random function."""
        return self.method.create(params, self.threads)

    @abstractmethod
    def fit(self, denoiser: Any, task: FitTask) -> History:
        """Fit what `create` gave; returns the loss terms of each epoch, if there are epochs.

        Raises:
            Unsupported: it cannot be fitted for that noise, or on such images.
        """

    @property
    def fits_together(self) -> bool:
        """Several models are fitted at once sooner than one after the other."""
        return False

    def fit_together(
        self, denoisers: Sequence[Any], tasks: Sequence[FitTask]
    ) -> list[History | None]:
        """Fit several, of tasks that differ by noise and seed alone.

        Returns:
            As `fit` for each; None for those that were left out. The first one never is.

        Raises:
            Unsupported: see `fit`.
        """
        return [self.fit(denoisers[0], tasks[0]), *[None] * (len(tasks) - 1)]

    def deviation(self, denoiser: Any, noisy: Array, noise: Noise) -> Array | None:
        """The standard deviation that it predicts for each pixel's error, if it does."""
        return None

    def computing(self) -> AbstractContextManager[None]:
        """A block in which it computes with its threads, and its libraries with no more."""
        return limited_threads(max(1, self.threads // self.images_at_once))

    def clock(self) -> float:
        """Seconds, once all that it began is done."""
        return time.perf_counter()


class Function(Form):
    """A function of noisy images, which has nothing to learn."""

    def __init__(self, method: Method, device: str, threads: int) -> None:
        super().__init__(method, device, threads)
        if method.takes_device:
            self.device = device

    @property
    def images_at_once(self) -> int:
        """As many as it may use threads, if it says that it can."""
        return self.threads if self.method.declared.threads and self.device == "cpu" else 1

    @property
    def threads_used(self) -> int:
        """One, where a GPU computes."""
        return self.threads if self.device == "cpu" else 1

    def create(self, params: Mapping[str, Any], seed: int | None = None) -> Any:
        """The function with its parameters set, on its device."""
        return self.method.create(params, self.threads, self.device, seed or 0)

    def fit(self, denoiser: Denoiser, task: FitTask) -> History:
        """Nothing."""
        return []


class Fitted(Form):
    """A class that fits itself, without torch."""

    def fit(self, denoiser: Any, task: FitTask) -> History:
        """Hand over images and seed, and the noise if it takes it.

        Of noise that came with the images, and was estimated from each, their root mean square.
        """
        train, noise = task.train, task.noise
        if isinstance(train, ImagePairs):
            if noise is not None and train.sigma is not None:
                noise = replace(noise, level=float(np.sqrt(np.square(train.sigma).mean())))
            if self.method.supervision != "pairs":
                train = train.target
        if not self.method.fits_noise:
            denoiser.fit(train, task.seed)
        elif task.lowest is None:
            denoiser.fit(train, noise, task.seed)
        else:
            raise Unsupported("only methods that torch trains can be trained on a range of levels")
        return []


class Trained(Form):
    """A class that torch trains, on the device."""

    warm_up = None

    def __init__(self, method: Method, device: str, threads: int) -> None:
        super().__init__(method, device, threads)
        self.device = device

    @property
    def any_size(self) -> bool:
        """As its class says."""
        return self.method.target.any_size  # type: ignore[attr-defined]

    @property
    def any_channels(self) -> bool:
        """Its network takes as many as it was built for."""
        return False

    def computing(self) -> AbstractContextManager[None]:
        """Likewise; torch is loaded before."""
        import torch  # noqa: F401

        return super().computing()

    def create(self, params: Mapping[str, Any], seed: int | None = None) -> Any:
        """The method on its device."""
        denoiser = super().create(params)
        denoiser.device = self.device
        return denoiser

    def fit(self, denoiser: Any, task: FitTask) -> History:
        """Train it by the recipe."""
        from bench.training import Recipe

        return denoiser.fit(
            task.train,
            task.noise,
            task.seed,
            validation=task.validation(),
            recipe=Recipe(**task.recipe),
            lowest=task.lowest,
            watch=task.watch,
            checkpoints=task.checkpoints,
        )

    @property
    def fits_together(self) -> bool:
        """On a GPU with kernels for its network."""
        import torch

        from bench.training import TrainedMethod, dense

        own = getattr(self.method.target, "dense", TrainedMethod.dense)
        return own is not TrainedMethod.dense and bool(dense.kernels(torch.device(self.device)))

    def fit_together(
        self, denoisers: Sequence[Any], tasks: Sequence[FitTask]
    ) -> list[History | None]:
        """Train several at once."""
        from bench.training import Learner, Recipe, fit_together

        learners = []
        for denoiser, task in zip(denoisers, tasks, strict=True):
            assert task.noise is not None
            assert task.seed is not None
            learners.append(
                Learner(denoiser, task.noise, task.seed, task.lowest, task.watch, task.checkpoints)
            )
        return fit_together(
            learners,
            tasks[0].train,
            validation=tasks[0].validation(),
            recipe=Recipe(**tasks[0].recipe),
        )

    def deviation(self, denoiser: Any, noisy: Array, noise: Noise) -> Array | None:
        """What its `uncertainty` says, where it has one."""
        return denoiser.deviation(noisy, noise)

    def clock(self) -> float:
        """Seconds, once the device has done all that it was given."""
        if not self.device.startswith("cuda"):
            return time.perf_counter()
        from bench.training import synchronised_clock

        return synchronised_clock(self.device)


_FORMS: Mapping[str, type[Form]] = {"function": Function, "fitted": Fitted, "trained": Trained}


def form_of(method: Method, device: str = "cpu", threads: int = 1) -> Form:
    """The method behind the interface of its form."""
    return _FORMS[method.form](method, device, threads)
