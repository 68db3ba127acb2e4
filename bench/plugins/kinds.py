"""The kinds of plugin: what differs between them before they do anything."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from bench.core import RESERVED
from bench.plugins import dataset_form, method_form, metric_form, noise_form
from bench.plugins.contract import Method
from bench.plugins.dataset import PluginDataset
from bench.plugins.metric import Metric
from bench.plugins.noise import NoiseKind
from bench.plugins.target import Target

P = TypeVar("P")

_BENCH = Path(__file__).resolve().parents[1]


@dataclass(eq=False)
class Kind(Generic[P]):
    """A kind of plugin.

    Attributes:
        name: of one of them, and of the decorator that declares it.
        describe: gives the plugin that a function or class is; raises `BrokenPlugin`.
        folder: where the built-in ones lie.
        mixed: other modules lie there too.
        reserved: what none may be called, since something else is.
    """

    name: str
    describe: Callable[[Target], P]
    folder: Path
    mixed: bool = False
    reserved: frozenset[str] = frozenset()

    @property
    def built_in(self) -> list[Path]:
        """The files of the built-in ones."""
        files = scripts(self.folder)
        return [file for file in files if not self.mixed or self._is_declared_in(file)]

    def _is_declared_in(self, file: Path) -> bool:
        """Whether a file of ours declares one; quicker than `kinds_in`."""
        return re.search(rb"^@%s\b" % self.name.encode(), file.read_bytes(), re.M) is not None

    @property
    def decorator(self) -> str:
        """As an error names it."""
        return f"@bench.{self.name}"

    @property
    def entry_points(self) -> str:
        """The group that installed packages offer some in: `name = "package.module"`."""
        return f"bench.{self.name}s"

    @property
    def mark(self) -> str:
        """The attribute that the decorator leaves."""
        return f"__bench_{self.name}__"

    def declared(self, value: Any) -> Any:
        """What the decorator noted on a function or class; None if it did not."""
        return getattr(value, "__dict__", {}).get(self.mark)


METHODS: Kind[Method] = Kind(
    "method",
    method_form.describe,
    # Inside an installed bench, beside it in a checkout.
    _BENCH / "methods" if (_BENCH / "methods").is_dir() else _BENCH.parent / "methods",
)
METRICS: Kind[Metric] = Kind(
    "metric",
    metric_form.describe,
    _BENCH / "metrics",
    # Other columns of records, and what the gate's thresholds call a cell's own.
    reserved=frozenset(
        name.replace("_", "-")
        for name in (
            *RESERVED,
            *("dataset", "method", "params", "noise", "clip", "level", "train", "regime", "seed"),
            *("label", "images_per_second", "parameters"),
        )
    ),
)
NOISES: Kind[NoiseKind] = Kind(
    "noise",
    noise_form.describe,
    _BENCH / "noises",
    mixed=True,
    # What else may stand where a noise is named.
    reserved=frozenset({"given", "matched", "blind"}),
)
DATASETS: Kind[PluginDataset] = Kind(
    "dataset",
    dataset_form.describe,
    _BENCH / "datasets",
    mixed=True,  # and none is a plugin yet: see `bench.datasets.CATALOGUE`
    reserved=frozenset(
        {"array", "mnist", "fashion-mnist", "kmnist", "digits"}
        | {"bsd68", "set12", "cbsd68", "kodak24", "train400", "flat"}
    ),
)
KINDS: tuple[Kind[Any], ...] = (METHODS, METRICS, NOISES, DATASETS)


def scripts(folder: Path) -> list[Path]:
    """A folder's Python files that are not private."""
    return [path for path in sorted(folder.glob("*.py")) if not path.name.startswith("_")]


def kinds_in(path: Path) -> list[Kind[Any]]:
    """Of what kinds a file's functions and classes are, as far as reading tells without running.

    >>> kinds_in(METRICS.folder / "__init__.py")
    []
    """
    try:
        code = path.read_bytes()
    except OSError:  # whoever loads it will be told
        return list(KINDS)
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError):  # whoever runs it will be told
        names = {name.decode() for name in re.findall(rb"^@(?:\w+\.)*(\w+)", code, re.MULTILINE)}
    else:
        names = {_decorator(node) for each in body for node in getattr(each, "decorator_list", ())}
    return [kind for kind in KINDS if kind.name in names]


def _decorator(node: ast.expr) -> str:
    """The name of a decorator, without what it is an attribute of."""
    called = node.func if isinstance(node, ast.Call) else node
    return getattr(called, "id", "") or getattr(called, "attr", "")
