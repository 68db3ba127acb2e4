"""`bench new`: a working method and its test, to be changed into one's own."""

from __future__ import annotations

import importlib.util
import keyword
import re
from collections.abc import Container
from pathlib import Path

from bench.core import StorageError, UsageError

_TEMPLATES = Path(__file__).parent / "templates"


def write(
    name: str, folder: Path, *, learned: bool = False, taken: Container[str] = ()
) -> list[Path]:
    """Write `NAME.py` and `test_NAME.py` into a folder, and return their paths.

    Args:
        name: the method's name: letters, digits, `-` and `_`.
        folder: made if it is not there.
        learned: a network that the harness trains, not a function.
        taken: names of the methods that there are.

    Raises:
        UsageError: the name cannot be a method's, is taken, or a file is there already.
        StorageError: the folder cannot be written.
    """
    stem = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", stem) or any(
        map(keyword.iskeyword, (stem, _class_name(stem)))
    ):
        raise UsageError(
            f"{name!r} cannot be a method's name: use small letters, digits and '-', a letter first"
        )
    if stem.startswith("test_") or stem == "conftest":
        raise UsageError(f"{name!r} is the name of a test, not of a method: choose another")
    files = {
        folder / f"{stem}.py": "learned.py" if learned else "classical.py",
        folder / f"test_{stem}.py": "tests.py",
    }
    for path in files:
        if path.exists():
            raise UsageError(f"{path} is there already: choose another name, or remove it")
    if stem.replace("_", "-") in taken:
        raise UsageError(f"there is a method {name!r} already: choose another name")
    if importlib.util.find_spec(stem):
        raise UsageError(
            f"{name!r} is the name of a Python module, which the file would hide from its test: "
            "choose another"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, template in files.items():
            text = (_TEMPLATES / template).read_text(encoding="utf-8")
            path.write_text(_renamed(text, stem), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"cannot write into {folder}: {error.strerror}; choose another --dir"
        ) from error
    return list(files)


def _renamed(text: str, stem: str) -> str:
    """The template with its name replaced, in each of its spellings."""
    for old, new in (
        ("my_method", stem),
        ("my-method", stem.replace("_", "-")),
        ("MyMethod", _class_name(stem)),
    ):
        text = text.replace(old, new)
    return text


def _class_name(stem: str) -> str:
    return "".join(word.capitalize() for word in stem.split("_"))
