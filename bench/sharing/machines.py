"""Whether a pack's cells are measured again where, and with what, they were measured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bench.store import CellMeta, Run

#: What is said of sessions, by what they are called.
_MACHINE = {"os": "system", "cpu": "processor", "gpu": "GPU"}


def device_here(run: Run, typed: str) -> str:
    """Where torch may compute: on a GPU where one measured, is here, and is not typed away."""
    manifest = run.manifest
    used = {manifest.device, *(session.device for session in manifest.earlier)}
    if typed == "cpu" or "cuda" not in used:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def device_then(run: Run, meta: CellMeta) -> str:
    """Where torch computed a cell."""
    return meta.conditions.device or run.manifest.device or "cpu"


def differences(run: Run, here: dict[str, Any]) -> list[str]:
    """In what a machine and its versions are others than those of any of a run's sessions.

    Args:
        run: the run.
        here: see `bench.execution.environment.describe`.
    """
    sessions = [run.manifest, *run.manifest.earlier]
    return list(dict.fromkeys(text for each in sessions for text in _differences(each, here)))


def _differences(session: Any, here: dict[str, Any]) -> Iterator[str]:
    """In what a session's machine and versions are others than these."""
    versions, machine, git = session.versions or {}, session.machine, session.git
    for name in {**versions, **here["versions"]}:
        before, now = versions.get(name), here["versions"].get(name)
        if before != now:
            yield f"{name} {now or 'missing'}, where it was {before or 'missing'}"
    if git and (git.dirty or here["git"] != git.as_dict()):
        yield f"bench's code is not that of commit {git.commit[:12]}"
    if machine:
        for name, word in _MACHINE.items():
            before, now = _plain(getattr(machine, name)), _plain(here["machine"][name])
            # A session on the processor says nothing of a GPU.
            if before != now and not (name == "gpu" and before is None):
                yield f"{word} {now}, where it was {before}"


def _plain(name: str | None) -> str | None:
    """A system without its kernel's version, which computes nothing: `Linux-x86_64-with-glibc2`."""
    return _KERNEL.sub(r"\1", name) if name else name


_KERNEL = re.compile(r"^(Linux)-.*(?=-\w+-with-)")
