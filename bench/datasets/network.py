"""Downloads: whether anybody answers, how long to wait, and files fetched as a whole."""

from __future__ import annotations

import contextlib
import errno
import http.client
import queue
import shutil
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.core import DataError, StorageError

#: Whether a download is possible is decided within this time, in seconds.
PROBE_SECONDS = 8.0
#: A download that stands still for so long, in seconds, has failed.
STALL_SECONDS = 30.0
#: Connections break with the same type of error as disks; these are a disk's.
DISK_ERRORS = {
    errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.ENOTDIR,
    errno.EPERM, errno.EROFS,
}  # fmt: skip


def fetch(urls: Sequence[str], folder: Path, advice: str) -> None:
    """Download files into a folder that is not there yet: all of them, or nothing.

    Args:
        urls: the files' addresses; they keep their names.
        folder: appears when the last one is there.
        advice: what else the user can do, for the error.

    Raises:
        DataError: nobody answers, or a download breaks off.
        StorageError: the folder cannot be written.
    """
    if not reachable(urls[:1]):
        raise DataError(
            f"{folder.name} is not in {folder.parent} and cannot be downloaded: no answer from "
            f"{urls[0].rpartition('/')[0]} within {PROBE_SECONDS:g} s; go online, or {advice}"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder.parent) as aside:
            whole = Path(aside) / folder.name
            whole.mkdir()
            for url in urls:
                with (
                    urllib.request.urlopen(url, timeout=STALL_SECONDS) as answer,
                    (whole / url.rpartition("/")[2]).open("wb") as file,
                ):
                    shutil.copyfileobj(answer, file)
            whole.replace(folder)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            raise StorageError(
                f"cannot write {folder}: {reason}; choose another --data-dir"
            ) from error
        raise DataError(
            f"{folder.name} is not in {folder.parent} and its download failed: {reason}; try "
            f"again, or {advice}"
        ) from error


def reachable(urls: Sequence[str]) -> bool:
    """Whether any address answers in time."""
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def ask(url: str) -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
                answers.put(True)
        except urllib.error.HTTPError:
            answers.put(True)  # somebody is there; whether it has the file, the download tells
        except (OSError, ValueError, http.client.HTTPException):
            answers.put(False)

    # Threads, because looking a host's name up knows no timeout.
    for url in urls:
        threading.Thread(target=ask, args=(url,), daemon=True).start()
    deadline = time.monotonic() + PROBE_SECONDS
    with contextlib.suppress(queue.Empty):
        for _ in urls:
            if answers.get(timeout=max(0.0, deadline - time.monotonic())):
                return True
    return False


@contextlib.contextmanager
def socket_timeout(seconds: float) -> Iterator[None]:
    """Sockets opened within give up after so many seconds of silence."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
