"""What all formats share: which files are opened at all, how large, and what goes wrong."""

from __future__ import annotations

import errno
import logging
import stat
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

from bench.core import MEASURED_BYTES, BenchError, DataError, MissingPackage
from bench.datasets.formats.stored import UnusableImage

#: Larger images are refused: some methods hold a hundred times as much in memory.
MAX_PIXELS = 2**26
#: More of them in a file are refused: a header may claim any number, and each is read.
MAX_PAGES = 100_000
#: Of libraries that log what they raise as well. Not astropy's, which is of a class of its own: who
#: asks for it before astropy is imported makes another in its place, and astropy fails.
_LOGGERS = [logging.getLogger(name) for name in ("PIL", "pydicom", "tifffile")]


def parted(path: Path) -> tuple[Path, str]:
    """A file, and the name of what is meant in it, empty for its only image.

    >>> parted(Path("series.h5::entry/data"))
    (PosixPath('series.h5'), 'entry/data')
    >>> parted(Path("photo.png"))
    (PosixPath('photo.png'), '')
    """
    name, mark, inner = str(path).partition("::")
    return (Path(name), inner) if mark and not path.exists() else (path, "")


def need(package: str, extra: str, what: str) -> None:
    """Checks that a package is there.

    Args:
        package: by import name.
        extra: of bench that installs it.
        what: is read or written with it, as ".dcm files".

    Raises:
        MissingPackage: it is not installed.
    """
    if find_spec(package) is None:
        raise MissingPackage(f"for {what} install {package}: pip install 'denoise-bench[{extra}]'")


def check_pixels(height: int, width: int) -> None:
    """Checks that an image is not too large, by what its header says.

    Raises:
        UnusableImage: it is, or has no pixel.
    """
    if min(height, width) < 1:
        raise UnusableImage(f"{width}x{height} pixels are none")
    if height * width > MAX_PIXELS:
        raise UnusableImage(
            f"{width}x{height} pixels are more than {MAX_PIXELS:,}: cut it into parts"
        )


def check_pages(pages: int) -> None:
    """Checks that a file does not hold too many images, by what its header says.

    Raises:
        UnusableImage: it does, or says that it has none.
    """
    if pages < 1:
        raise UnusableImage(f"it says that it holds {pages} images")
    if pages > MAX_PAGES:
        raise UnusableImage(
            f"it says that it holds {pages:,} images, and {MAX_PAGES:,} are the most that are "
            "taken: save it as several files"
        )


def check_memory(path: Path, shape: tuple[int, ...]) -> None:
    """Checks that there is memory to measure methods on an image, before it is decoded.

    Args:
        path: of the file.
        shape: of the image, (C, H, W).

    Raises:
        DataError: there is not.
    """
    import psutil

    channels, height, width = shape
    needed = MEASURED_BYTES * channels * height * width
    free = psutil.virtual_memory().available
    if needed > free:
        raise DataError(
            f"{path} has {width}x{height} pixels: to measure it takes about {needed / 2**30:.1f} "
            f"GiB of memory, and {free / 2**30:.1f} are free; cut it into parts"
        )


def check_room(path: Path, size: int) -> None:
    """Checks that what has to be decoded at once, of so many bytes, finds room in memory.

    Raises:
        DataError: it does not.
    """
    import psutil

    free = psutil.virtual_memory().available
    if size > free:
        raise DataError(
            f"{path} holds {size / 2**30:.1f} GiB that are decoded at once, and "
            f"{free / 2**30:.1f} GiB of memory are free: save its images to files of their own"
        )


def check_regular(path: Path) -> None:
    """Checks that a file may be opened: reading a pipe may never end.

    Raises:
        UnusableImage: it is no regular file, or not there.
        OSError: the system's.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            what = "a link to what is not there" if path.is_symlink() else "not there any more"
            raise UnusableImage(f"it is {what}") from error
        raise
    if not stat.S_ISREG(mode):
        raise UnusableImage(
            "it is a folder, no file" if stat.S_ISDIR(mode) else "it is no regular file"
        )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever a library comes upon in a file is one of two errors, and nothing is printed.

    Raises:
        UnusableImage: it is the file's fault.
        DataError: the system cannot read it, or has no memory: that says nothing of the file.
    """
    try:
        with _QUIET:
            yield
    except (UnusableImage, BenchError):
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        if isinstance(error, MemoryError) or "out of memory" in text:
            raise DataError(f"{path}: not enough memory to read it") from error
        # The system's: a decoder's has no number, or asked for a place before the file begins.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        what = text[:200] or type(error).__name__
        raise UnusableImage(f"it is broken, or no image ({what})") from error


class _Quiet:
    """Libraries warn of nothing and keep what they log to themselves, while any thread reads.

    Both are the process's: they are set back when the last of several threads is done.
    """

    def __init__(self) -> None:
        self._lock, self._readers, self._before = Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            self._readers += 1
            if self._readers > 1:
                return
            self._before.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")  # of what is checked by the readers
            for logger in _LOGGERS:
                self._before.callback(setattr, logger, "disabled", logger.disabled)
                logger.disabled = True

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                self._before.close()


_QUIET = _Quiet()
