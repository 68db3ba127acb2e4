"""`bench new`: a working plugin and its test, to be changed into one's own."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path
from typing import Any

from bench.core import StorageError, UsageError
from bench.plugins.kinds import DATASETS, KINDS, METHODS, METRICS, NOISES, Kind
from bench.plugins.sources import Registry, plugin_name

_FOLDER = Path(__file__).parent / "templates"
#: Of a kind, learned or not: its file and its test's.
_TEMPLATES: dict[tuple[Kind[Any], bool], tuple[str, str]] = {
    (METHODS, False): ("classical.py", "tests.py"),
    (METHODS, True): ("learned.py", "tests.py"),
    (METRICS, False): ("metric.py", "metric_tests.py"),
    (NOISES, False): ("noise.py", "noise_tests.py"),
    (DATASETS, False): ("dataset.py", "dataset_tests.py"),
}


def write(
    name: str, folder: Path, *, learned: bool = False, kind: Kind[Any] = METHODS
) -> list[Path]:
    """Write `NAME.py` and `test_NAME.py` into a folder, and return their paths.

    Args:
        name: the plugin's name: letters, digits, `-` and `_`.
        folder: made if it is not there.
        learned: a network that the harness trains, not a function.
        kind: what it is to be.

    Raises:
        UsageError: the name cannot be such a plugin's, is taken, or a file is there already.
        StorageError: the folder cannot be written.
    """
    stem = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", stem) or any(
        map(keyword.iskeyword, (stem, _class_name(stem)))
    ):
        raise UsageError(
            f"{name!r} cannot be a {kind.name}'s name: use small letters, digits and '-', a letter "
            "first"
        )
    if stem.startswith("test_") or stem == "conftest":
        raise UsageError(f"{name!r} is the name of a test, not of a {kind.name}: choose another")
    if plugin_name(stem) in kind.reserved:
        raise UsageError(
            f"{name!r} cannot be a {kind.name}'s name, since results hold something else of that "
            "name: choose another"
        )
    template, tests = _TEMPLATES[kind, learned]
    files = {folder / f"{stem}.py": template, folder / f"test_{stem}.py": tests}
    for path in files:
        if path.exists():
            raise UsageError(f"{path} is there already: choose another name, or remove it")
    for other in KINDS:
        if plugin_name(stem) in Registry(kind=other).sources:
            raise UsageError(f"there is a {other.name} {name!r} already: choose another name")
    if importlib.util.find_spec(stem):
        raise UsageError(
            f"{name!r} is the name of a Python module, which the file would hide from its test: "
            "choose another"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, template in files.items():
            text = (_FOLDER / template).read_text(encoding="utf-8")
            path.write_text(_renamed(text, kind.name, stem), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"cannot write into {folder}: {error.strerror}; choose another --dir"
        ) from error
    return list(files)


def _renamed(text: str, kind: str, stem: str) -> str:
    """The template with its name replaced, in each of its spellings."""
    for old, new in (
        (f"my_{kind}", stem),
        (f"my-{kind}", plugin_name(stem)),
        (f"My{kind.capitalize()}", _class_name(stem)),
    ):
        text = text.replace(old, new)
    return text


def _class_name(stem: str) -> str:
    return "".join(word.capitalize() for word in stem.split("_"))
