"""What a method's code may change in its process for whoever comes after it, and its setting back.

A method that turns gradients off, or fixes the threads, must not decide what another one gives.
"""

from __future__ import annotations

import contextlib
import gc
import locale
import math
import os
import random
import resource
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

_ENVIRONMENT = "the environment (os.environ)"
_WARNINGS = "warning filters (warnings.filters)"
_TINY = "the rounding of tiny numbers (torch.set_flush_denormal)"
#: What libraries change when they are imported, so that it says nothing of who imports them.
BY_LIBRARIES = (_ENVIRONMENT, _WARNINGS, _TINY)


class Aspect(NamedTuple):
    """One thing that is a whole process's.

    Attributes:
        name: in words that an author knows it by.
        read: gives its value, which later changes leave as it is.
        write: sets it to such a value.
        fresh: its value in a new process, for what came only with a library; None if not known.
        told: authors hear of its changes. Random numbers may be drawn by whoever needs some.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    fresh: Any = None
    told: bool = True


class CannotSetBack(Exception):
    """Code changed something of its process that stays changed."""


@contextlib.contextmanager
def set_back() -> Iterator[list[str]]:
    """A block after which this process is as it was.

    Yields:
        A list that names, once the block is left, what it had changed.

    Raises:
        CannotSetBack: something stays changed, and the block raised nothing itself.

    >>> import os
    >>> with set_back() as changed:
    ...     os.environ["COLOUR"] = "grey"
    >>> changed, "COLOUR" in os.environ
    (['the environment (os.environ)'], False)
    """
    before = _values()
    changed: list[str] = []
    lasting: list[str] = []
    try:
        yield changed
    finally:
        for name, aspect in _aspects().items():
            value = before.get(name, aspect.fresh)
            if value is None or _read(aspect) == value:
                continue
            if aspect.told:
                changed.append(name)
            with contextlib.suppress(Exception):
                aspect.write(value)
            if _read(aspect) != value:
                lasting.append(name)
    if lasting:
        raise CannotSetBack(f"it changed {' and '.join(lasting)}, which cannot be set back")


def _values() -> dict[str, Any]:
    return {name: _read(aspect) for name, aspect in _aspects().items()}


def _read(aspect: Aspect) -> Any:
    try:
        return aspect.read()
    except Exception:  # such as a working folder that is gone
        return None


def _aspects() -> dict[str, Aspect]:
    """Those of Python and of the libraries that are loaded, by name."""
    aspects = [*_PYTHON]
    if numpy := sys.modules.get("numpy"):
        aspects += _of_numpy(numpy)
    torch = sys.modules.get("torch")
    if hasattr(torch, "autocast"):  # loaded to its end
        aspects += _of_torch(torch)
    return {aspect.name: aspect for aspect in aspects}


# -- Python and the system -------------------------------------------------------------------


def _set_environment(wanted: dict[str, str]) -> None:
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    os.environ.update(wanted)
    time.tzset()


def _umask() -> int | None:
    """As Linux tells it: reading it by the system's call changes it for a moment."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("\nUmask:")[2].split()[0], 8)


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in signal.Signals}


def _set_handlers(wanted: dict[int, Any]) -> None:
    for number, handler in wanted.items():
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)


_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


def _armed() -> tuple[bool, ...]:
    return tuple(any(signal.getitimer(timer)) for timer in _TIMERS)


def _disarm(wanted: tuple[bool, ...]) -> None:
    for timer, armed in zip(_TIMERS, wanted, strict=True):
        if not armed:
            signal.setitimer(timer, 0)


_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]


def _set_limits(wanted: dict[int, tuple[int, int]]) -> None:
    for limit, values in wanted.items():
        resource.setrlimit(limit, values)


def _flushes() -> bool:
    """Whether this thread's processor takes tiny numbers for 0, as some libraries have it do."""
    return math.ldexp(1.0, -1060) * float(len(_TIMERS)) == 0.0


def _set_flushing(wanted: bool) -> None:
    import torch

    torch.set_flush_denormal(wanted)


def _names(module: Any, *names: str) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    """Reads and writes a module's values of these names."""

    def write(values: tuple[Any, ...]) -> None:
        for name, value in zip(names, values, strict=True):
            setattr(module, name, value)

    return lambda: tuple(getattr(module, name) for name in names), write


def _set_filters(wanted: list[Any]) -> None:
    warnings.resetwarnings()  # what is remembered of warnings that were shown
    warnings.filters[:] = wanted  # type: ignore[index]


def _set_path(wanted: list[str]) -> None:
    sys.path[:] = wanted


_PYTHON = (
    Aspect("the working folder (os.chdir)", os.getcwd, os.chdir),
    Aspect(_ENVIRONMENT, lambda: dict(os.environ), _set_environment),
    Aspect("the file mode mask (os.umask)", _umask, os.umask),
    Aspect("signal handlers (signal.signal)", _handlers, _set_handlers),
    Aspect("a timer (signal.setitimer)", _armed, _disarm),
    Aspect(
        "blocked signals (signal.pthread_sigmask)",
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        lambda mask: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
    ),
    Aspect(
        "limits of the process (resource.setrlimit)",
        lambda: {limit: resource.getrlimit(limit) for limit in _LIMITS},
        _set_limits,
    ),
    Aspect(
        "the cores of the process (os.sched_setaffinity)",
        lambda: os.sched_getaffinity(0),
        lambda cores: os.sched_setaffinity(0, cores),
    ),
    Aspect(
        "the priority (os.nice)",
        lambda: os.getpriority(os.PRIO_PROCESS, 0),
        lambda value: os.setpriority(os.PRIO_PROCESS, 0, value),
    ),
    Aspect(
        "the locale (locale.setlocale)",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda value: locale.setlocale(locale.LC_ALL, value),
    ),
    Aspect("the search path (sys.path)", lambda: list(sys.path), _set_path),
    Aspect(_WARNINGS, lambda: list(warnings.filters), _set_filters),
    Aspect("how warnings are shown (warnings.showwarning)", *_names(warnings, "showwarning")),
    Aspect("sys.stdin, sys.stdout or sys.stderr", *_names(sys, "stdin", "stdout", "stderr")),
    Aspect("sys.excepthook", *_names(sys, "excepthook", "unraisablehook")),
    Aspect("threading.excepthook", *_names(threading, "excepthook")),
    Aspect("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Aspect("the switch interval", sys.getswitchinterval, sys.setswitchinterval),
    Aspect("tracing (sys.settrace)", lambda: (sys.gettrace(),), lambda v: sys.settrace(*v)),
    Aspect("profiling (sys.setprofile)", lambda: (sys.getprofile(),), lambda v: sys.setprofile(*v)),
    Aspect(
        "garbage collection (gc.disable)",
        gc.isenabled,
        lambda enabled: gc.enable() if enabled else gc.disable(),
    ),
    Aspect(
        "garbage collection (gc.set_threshold)", gc.get_threshold, lambda v: gc.set_threshold(*v)
    ),
    Aspect(
        "the time that sockets wait (socket.setdefaulttimeout)",
        lambda: (socket.getdefaulttimeout(),),
        lambda value: socket.setdefaulttimeout(*value),
    ),
    Aspect(_TINY, _flushes, _set_flushing),
    Aspect("random numbers of Python", random.getstate, random.setstate, told=False),
)


# -- libraries -------------------------------------------------------------------------------


def _of_numpy(numpy: Any) -> list[Aspect]:
    def state() -> tuple[Any, ...]:
        name, keys, *rest = numpy.random.get_state()
        return name, keys.tobytes(), *rest

    def set_state(value: tuple[Any, ...]) -> None:
        name, keys, *rest = value
        numpy.random.set_state((name, numpy.frombuffer(keys, numpy.uint32), *rest))

    return [
        Aspect("NumPy's errors (np.seterr)", numpy.geterr, lambda value: numpy.seterr(**value)),
        Aspect(
            "NumPy's errors (np.seterrcall)",
            lambda: (numpy.geterrcall(),),
            lambda value: numpy.seterrcall(*value),
        ),
        Aspect("NumPy's buffers (np.setbufsize)", numpy.getbufsize, numpy.setbufsize),
        Aspect("random numbers of NumPy", state, set_state, told=False),
    ]


def _of_torch(torch: Any) -> list[Aspect]:
    def set_device(device: Any) -> None:
        torch.set_default_device(None if device == torch.device("cpu") else device)

    def set_state(value: bytes) -> None:
        torch.set_rng_state(torch.frombuffer(bytearray(value), dtype=torch.uint8))

    return [
        Aspect(
            "torch's gradients (torch.set_grad_enabled)",
            torch.is_grad_enabled,
            torch.set_grad_enabled,
            fresh=True,
        ),
        Aspect(
            "torch's inference mode",
            torch.is_inference_mode_enabled,
            lambda value: None,  # whoever entered it leaves it
            fresh=False,
        ),
        Aspect(
            "torch's type of numbers (torch.set_default_dtype)",
            torch.get_default_dtype,
            torch.set_default_dtype,
            fresh=torch.float32,
        ),
        Aspect(
            "torch's device (torch.set_default_device)",
            torch.get_default_device,
            set_device,
            fresh=torch.device("cpu"),
        ),
        Aspect(
            "torch's threads (torch.set_num_threads)", torch.get_num_threads, torch.set_num_threads
        ),
        *_how_torch_computes(torch),
        Aspect(
            "random numbers of torch",
            lambda: torch.get_rng_state().numpy().tobytes(),
            set_state,
            told=False,
        ),
    ]


def _how_torch_computes(torch: Any) -> list[Aspect]:
    cudnn, devices = torch.backends.cudnn, ("cpu", "cuda")
    return [
        Aspect(
            "torch's choice of algorithms (torch.use_deterministic_algorithms)",
            torch.get_deterministic_debug_mode,
            torch.set_deterministic_debug_mode,
            fresh=0,
        ),
        Aspect(
            "torch's precision (torch.set_float32_matmul_precision)",
            torch.get_float32_matmul_precision,
            torch.set_float32_matmul_precision,
            fresh="highest",
        ),
        Aspect(
            "torch's cuDNN (torch.backends.cudnn)",
            *_names(cudnn, "enabled", "benchmark", "deterministic", "allow_tf32"),
            fresh=(True, False, False, True),
        ),
        Aspect(
            "torch's search for NaN (torch.autograd.set_detect_anomaly)",
            torch.is_anomaly_enabled,
            torch.autograd.set_detect_anomaly,
            fresh=False,
        ),
        Aspect(
            "torch's autocast (torch.set_autocast_enabled)",
            lambda: tuple(map(torch.is_autocast_enabled, devices)),
            lambda value: [*map(torch.set_autocast_enabled, devices, value)],
            fresh=(False, False),
        ),
    ]
