"""Paths as they are typed."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bench.core.errors import UsageError


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path with a home folder in place of `~` or `~user`.

    >>> expanded("runs/one").as_posix()
    'runs/one'

    Raises:
        UsageError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except (RuntimeError, ValueError):  # of a name with a NUL in it
        raise UsageError(
            f"{path}: no home folder is known of that user; for a name that begins with ~ type ./~"
        ) from None


def cache_folder() -> Path:
    """`$BENCH_CACHE_DIR`, else the user's cache folder."""
    if os.environ.get("BENCH_CACHE_DIR"):
        return expanded(os.environ["BENCH_CACHE_DIR"])
    import platformdirs

    return platformdirs.user_cache_path("denoise-bench")


def without_home(text: str) -> str:
    """A text for others to read: `~` in place of the user's home folder in its paths."""
    try:
        home = str(Path.home())
    except RuntimeError:  # nobody's, as in some containers
        return text
    if home == Path(home).anchor:
        return text
    return re.sub(rf"(?<![\w./\\-]){re.escape(home)}(?![\w-]|\.\w)", "~", text)


def without_folders(text: str) -> str:
    """A text for strangers to read: of paths from a root, a home folder or `..` the last part.

    >>> without_folders("bench run --plugin /home/ann/box.py --noise 25/255 --out ../x/runs")
    'bench run --plugin box.py --noise 25/255 --out runs'
    >>> without_folders("folder:~/photos of https://example.org/a/b, C:/Users/ann/x.png")
    'folder:photos of https://example.org/a/b, x.png'
    >>> without_folders("bench run --plugin '/Users/Ann Lee/my code/box.py' --noise 25/255")
    "bench run --plugin 'box.py' --noise 25/255"
    """
    text = _QUOTED.sub(r"\g<quote>\g<word>\g<last>\g<quote>", without_home(text))
    return _FOLDERS.sub("", text)


#: A path in quotes, behind a word as in `folder:`; its folders' names may have blanks.
_QUOTED = re.compile(
    r"""(?P<quote>['"])(?P<word>(?:[\w-]{2,}:)?)(?!//)(?:~[\w.-]*|[A-Za-z]:|\.\.?)?[/\\]+"""
    r"""(?:[^/\\'"\n]+[/\\]+)*(?P<last>[^/\\'"\n]+)(?P=quote)"""
)
#: A path's folders: up to where its last part begins.
_FOLDERS = re.compile(
    r"""(?<![\w./\\~-])(?!//)(?:~[\w.-]*|[A-Za-z]:|\.\.?)?[/\\]"""
    r"""(?:[^\s/\\'",;:<>|()\[\]]+[/\\])*(?=[\w.~-])"""
)
