"""One writer a run: a lock that the system takes from a process when it dies."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.core import StorageError
from bench.store.files import commit, opened, read_bytes

#: Held by the process that writes a run; what it says of itself stands beside it.
LOCK, HOLDER = ".lock", ".lock.json"
#: Seconds that a writer waits for the lock: who asks whether it is held has it for a moment.
_PATIENCE = 1.0


class RunInUse(StorageError):
    """Another process works on the run."""

    exit_code = 8


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold a run's folder, which is made if need be, while it is written.

    The lock is the system's (flock): it ends with the process, however that ends, and holds across
    machines where the folder's file system passes it on (NFS from version 4 on does). Where
    there is no such lock, filelock puts a marker in its place, or in old versions none is taken.

    Raises:
        RunInUse: another process holds it.
        StorageError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        path.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path / LOCK):
            with opened(path / LOCK):  # a link would be written through
                pass
        lock = FileLock(path / LOCK, timeout=_PATIENCE)
        lock.acquire()
    except Timeout:
        raise RunInUse(
            f"{path} is being written by {holder(path) or 'another process'}: wait until it has "
            "ended, or choose another --name"
        ) from None
    except NotImplementedError:
        yield
        return
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; choose another --out"
        ) from error
    try:
        with contextlib.suppress(StorageError):
            about = {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            commit(path / HOLDER, json.dumps(about).encode(), flush=False)
        yield
    finally:
        with contextlib.suppress(OSError):
            (path / HOLDER).unlink(missing_ok=True)
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a process holds the run just now, another user's too.

    A shared lock tells, which needs no right to write; where there is none, what the holder said.
    """
    try:
        import fcntl

        with opened(path / LOCK) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # ends as the file is closed
        return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    except (OSError, ImportError, StorageError):
        return bool(holder(path))


def holder(path: Path) -> str:
    """Who holds, or held, the run, as it said itself; "" where nothing is known."""
    try:
        about = json.loads(read_bytes(path / HOLDER, largest=10_000))
        return f"process {about['pid']} on {about['host']} since {about['since']}"
    except (OSError, StorageError, ValueError, KeyError, TypeError, RecursionError):
        return ""
