"""Downloads, by pooch: held to their checksums, and in place whole or not at all.

Our own is what pooch lacks: a probe that gives up in time, mirrors, limits of size and time, and
going on where a connection was cut.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import queue
import shutil
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core import DataError, StorageError

#: Seconds in which somebody must answer; without an answer nothing is downloaded.
PROBE_SECONDS = 8.0
#: Seconds of silence after which a connection counts as cut.
STALL_SECONDS = 30.0
#: Seconds that a file may take, and bytes that it may have: thirty times what the largest needs.
FILE_SECONDS = 1800.0
LARGEST = 1 << 28
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class RemoteFile:
    """A file, and where it can be downloaded.

    Attributes:
        name: of the file on disk.
        urls: its addresses, tried in this order; what ends in `.gz` is unpacked.
        checksum: of what is downloaded, as pooch has it: SHA-256 in hex, or `md5:` and MD5 in
            hex. None where none is known; then only the length is checked.
    """

    name: str
    urls: tuple[str, ...]
    checksum: str | None = None


class _DownloadError(Exception):
    """No address gave the file: why."""


class _NotTheFileError(Exception):
    """What an address gives is something else: why."""


def fetch(
    title: str,
    files: Sequence[RemoteFile],
    folder: Path,
    data_folder: Path,
    advice: str,
    *,
    state: str = "",
    fault: Callable[[Path], str] = lambda path: "",
) -> None:
    """Download files into a folder: all of them, or none.

    On a terminal a bar shows how far it is.

    Args:
        title: what they are together, for the bar and the errors.
        files: at least one.
        folder: appears, below `data_folder`, when the last file is there; where it is there
            already, its files of these names are replaced.
        data_folder: made where there is none.
        advice: what else the user can do, the end of the errors.
        state: what is the matter with files that are there, the beginning of the errors.
        fault: says of what was downloaded why it cannot be the file, whatever its checksum; empty
            if it can.

    Raises:
        DataError: nobody answers, a download breaks off, or its checksum is wrong.
        StorageError: the data folder cannot be written.
    """
    state = state or f"{title} is {'incomplete' if folder.is_dir() else 'not'} in {data_folder}"
    if not reachable(files[0].urls):
        mirrors = " or ".join(url[: url.rfind("/") + 1] for url in files[0].urls)
        raise DataError(
            f"{state} and cannot be downloaded: no answer from {mirrors} "
            f"within {PROBE_SECONDS:g} s; go online, or {advice}"
        )
    try:
        data_folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=data_folder) as temporary:
            complete = Path(temporary) / "complete"
            complete.mkdir()
            with _bar(title, len(files)) as show:
                for number, file in enumerate(files):
                    advance = functools.partial(show, number)
                    received = _retrieve(file, Path(temporary), advance, fault)
                    # Copied, because pooch's own file can be read by nobody else.
                    shutil.copyfile(received, complete / file.name)
            _move(complete, folder)
    except _DownloadError as error:
        raise DataError(
            f"{state} and its download failed: {error}; try again, or {advice}"
        ) from error
    except OSError as error:
        raise StorageError(
            f"{state} and cannot be downloaded: cannot write {folder}: {_reason(error)}; choose "
            "another --data-dir"
        ) from error


def _retrieve(
    file: RemoteFile,
    folder: Path,
    advance: Callable[[float], None],
    fault: Callable[[Path], str],
) -> Path:
    """Download a file from the first address that has it, into `folder`; its path there."""
    import pooch
    import requests
    import urllib3

    pooch.get_logger().setLevel("WARNING")  # else it tells of each file
    failures = []
    for url in file.urls:
        unpack = pooch.Decompress(name=file.name) if url.endswith(".gz") else None
        try:
            received = Path(
                pooch.retrieve(
                    url,
                    file.checksum,
                    fname=url.rpartition("/")[2],
                    path=folder,
                    processor=unpack,
                    downloader=_resuming_downloader(advance),
                )
            )
            if reason := fault(received):
                raise _NotTheFileError(reason)
            return received
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            _NotTheFileError,
        ) as error:
            failures.append(f"{url}: {_reason(error)}")
        except ValueError:  # of pooch's, about the checksum
            failures.append(f"{url}: it was corrupted on the way, or is another file by now")
    raise _DownloadError("; ".join(failures))


def _resuming_downloader(advance: Callable[[float], None]) -> Callable[[str, str, object], None]:
    """A downloader of pooch's form; `advance` is told the share of the file that is there."""

    def download(url: str, output_file: str, pooch: object) -> None:
        import requests
        import urllib3

        most, deadline = 0, time.monotonic() + FILE_SECONDS
        while True:
            try:
                return _receive(url, Path(output_file), advance, deadline)
            except (requests.RequestException, urllib3.exceptions.HTTPError):
                size = Path(output_file).stat().st_size
                if size <= most:  # this connection has brought nothing
                    raise
                most = size

    return download


def _receive(url: str, path: Path, advance: Callable[[float], None], deadline: float) -> None:
    """Append to a file what it lacks of the one at `url`, until `deadline` of the clock."""
    import requests

    size = path.stat().st_size
    headers = {"Accept-Encoding": "identity"}
    if size:
        headers["Range"] = f"bytes={size}-"
    with requests.get(url, headers=headers, stream=True, timeout=STALL_SECONDS) as response:
        if not response.ok:
            raise requests.HTTPError(f"{response.status_code} {response.reason}")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise _NotTheFileError("a web page came instead: does this network ask for a login?")
        if response.status_code != requests.codes.partial_content:
            size = 0  # the server begins anew
        total = size + int(response.headers.get("Content-Length", 0))
        _check_size(total)
        with path.open("r+b") as file:
            file.truncate(size)
            file.seek(size)
            # As it comes, a byte or many: what ends in .gz stays packed, whatever the server says.
            while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
                file.write(chunk)
                size += len(chunk)
                _check_size(size)
                if time.monotonic() > deadline:
                    raise _NotTheFileError(f"it took more than {FILE_SECONDS:g} s")
                advance(min(1.0, size / total) if total else 0.0)


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise _NotTheFileError(f"it has more than {LARGEST:,} bytes")


def _move(complete: Path, folder: Path) -> None:
    """Put a folder in its place, at once where there is none yet."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        complete.replace(folder)
        return
    for path in complete.iterdir():
        path.replace(folder / path.name)


def _reason(error: BaseException) -> str:
    """The words of the error that began it: `timed out`, `[Errno 111] Connection refused`."""
    while error.__context__ is not None:
        error = error.__context__
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was cut"
    return " ".join(str(error).split()) or type(error).__name__


@contextlib.contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[[int, float], None]]:
    """A bar on a terminal, nothing elsewhere.

    Yields:
        What is told how far it is: the number of whole files, the share of the next.
    """
    if not sys.stderr.isatty():
        yield lambda whole, share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    with Progress(
        TextColumn("downloading {task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files"),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        task = bars.add_task(title, total=total)
        yield lambda whole, share: bars.update(task, completed=whole + share)


def reachable(urls: Sequence[str]) -> bool:
    """Whether any address answers within `PROBE_SECONDS`."""
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
