"""What a setting's value may be, and the line that says why one may not."""

from __future__ import annotations

import numbers
import operator
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from bench.core import Noise, Range, UsageError, nearest, shown
from bench.core.tiling import LEAST
from bench.noises import KINDS, MakeNoise, make_noise, parse_level, parse_noise, training_regime
from bench.planning.noise_kinds import by_name
from bench.planning.notation import split_list
from bench.plugins.kinds import NOISES
from bench.plugins.sources import Registry

if TYPE_CHECKING:
    import pydantic

MAX_SEED = 2**31 - 1
#: The images lie in [0, 1].
MAX_SIGMA = 10.0
#: Seeds that `[seeds=...]` may ask for: far above any use.
MAX_SEEDS = 1000


def methods(value: Any) -> tuple[str, ...] | None:
    """Methods as typed, `"a,b[x=1,y=2]"` or a list of names; None for the default ones."""
    if value is None:
        return None
    names = split_list(value) if isinstance(value, str) else _items(value)
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"methods are names, such as median,vae; not {shown(value)}")
    if not names:
        raise ValueError("no method given: use for example --methods median,vae")
    return tuple(dict.fromkeys(names))


def metrics(value: Any) -> tuple[str, ...] | None:
    """Metrics as typed, `"a,b[x=1]"` or a list of names; None for the default ones."""
    if value is None:
        return None
    names = split_list(value) if isinstance(value, str) else _items(value)
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"metrics are names, such as psnr,lpips; not {shown(value)}")
    if not names:
        raise ValueError("no metric given: use for example --metrics psnr,ssim")
    return tuple(dict.fromkeys(names))


def value_range(value: Any) -> Range | None:
    """The range of stored values, `"0,4095"` or two numbers; None where it is not stated."""
    if value is None or isinstance(value, Range):
        return value
    try:
        low, high = (float(item) for item in _items(value))
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"--range {shown(value)}: give the stored values of black and white, as 0,4095"
        ) from None
    return Range(low, high)


def sigma(value: Any) -> float | Literal["validation"] | None:
    """A standard deviation, `"5/255"` or a number, or "validation"; None for "estimate"."""
    word = value.strip() if isinstance(value, str) else None
    if value is None or word == "estimate":
        return None
    if word == "validation":
        return "validation"
    try:
        level = parse_level(value)
    except (TypeError, ValueError, UsageError):
        level = -1.0
    if not 0 < level <= MAX_SIGMA:
        raise ValueError(
            f"--sigma {shown(value)}: write estimate, validation, or a standard deviation such as "
            "0.02 or 5/255, of images in [0, 1]"
        )
    return level


def tile(value: Any) -> Any:
    """Pixels a side of a tile, as a number or text; None for "none"."""
    if value is None or (isinstance(value, str) and value == "none"):
        return None
    try:
        side = int(value) if isinstance(value, str) else _index(value)
    except (TypeError, ValueError):
        side = 0
    if side < LEAST:
        raise ValueError(
            f"--tile {shown(value)}: give a tile's pixels a side, {LEAST} or more, or none for "
            "whole images"
        )
    return side


def _making(plugins: Any) -> MakeNoise:
    """What makes noises by name, of these plugins' kinds too, where they are such."""
    paths = [path for path in several(plugins) if isinstance(path, (str, os.PathLike))]
    kinds: list[MakeNoise] = []

    def make(kind: str, level: float, clip: bool = False, *, typed: str = "") -> Noise:
        if kind in KINDS:  # nobody's files need to be read
            return make_noise(kind, level, clip, typed=typed)
        if not kinds:
            kinds.append(by_name(Registry(paths, kind=NOISES)))
        return kinds[0](kind, level, clip, typed=typed)

    return make


def regimes(value: Any, info: pydantic.ValidationInfo) -> tuple[str, ...]:
    """What methods are trained on: "matched", "blind", levels, or several of these."""
    items = _items(value)
    if not all(isinstance(item, (str, numbers.Real)) for item in items):
        raise ValueError(f"training noises are texts or levels, not {shown(value)}")
    make = _making(info.data.get("plugins", ()))
    names = tuple(dict.fromkeys(training_regime(item, make) for item in items))
    if not names:
        raise ValueError("no training noise given: use for example --train-noise matched,blind")
    return names


def seeds(option: str) -> Callable[[Any], tuple[int, ...]]:
    """A check of seeds: `"0,1"`, `"0-4"` or a list of whole numbers."""

    def check(value: Any) -> tuple[int, ...]:
        try:
            numbers = tuple(dict.fromkeys(n for item in _items(value) for n in _range(item)))
        except (TypeError, ValueError):
            raise ValueError(
                f"{option} {shown(value)}: give whole numbers such as 0,1,2 or 0-2, at most "
                f"{MAX_SEEDS}"
            ) from None
        if not numbers or min(numbers) < 0 or max(numbers) > MAX_SEED:
            raise ValueError(
                f"seeds are numbers from 0 to {MAX_SEED}: use for example {option} 0,1,2"
            )
        return numbers

    return check


def _range(item: Any) -> Iterable[int]:
    """The whole numbers that an item such as `3` or `0-4` stands for."""
    if not isinstance(item, str):
        return (_index(item),)
    typed = re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", item)
    if typed is None:
        return (int(item),)
    first, last = map(int, typed.groups())
    if not first <= last < first + MAX_SEEDS:
        raise ValueError
    return range(first, last + 1)


def dataset(value: Any) -> str | None:
    """A data set's name; an empty text says no more than none at all."""
    if value is not None and not isinstance(value, str):
        raise ValueError(
            f"a data set is given by its name, such as mnist or folder:PATH; not {shown(value)}"
        )
    return value or None


def size(value: Any) -> Any:
    """A size in bytes as pydantic reads it: a number, or text such as 4GB, 512 MiB, 4G or 2e9."""
    text = str(value).strip()
    if isinstance(value, bool) or text.lower().endswith("bit"):
        raise ValueError(f"--memory-limit is a size such as 4GB or 512MiB, not {shown(value)}")
    if not isinstance(value, str):
        return value
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return text + "B" if re.search(r"[kmgt]i?$", text, re.IGNORECASE) else text


def noises(levels: Any, clip: bool, plugins: Any = ()) -> tuple[Noise, ...]:
    """Noise levels as `parse_noise` takes them, also of the plugins' kinds."""
    try:
        if any(isinstance(level, bool) for level in _items(levels)):
            raise TypeError
        return tuple(parse_noise(levels, clip, _making(plugins)))
    except TypeError:
        raise ValueError(
            f"noise levels are numbers or text such as 0.1,25/255; not {shown(levels)}"
        ) from None


def several(value: Any) -> tuple[Any, ...]:
    """Values one by one; a text is one."""
    return (value,) if isinstance(value, str) else tuple(_items(value))


def _index(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)


def index(value: Any) -> Any:
    """A whole number of NumPy's is one; anything else is left for pydantic to judge."""
    try:
        return value if isinstance(value, bool) else operator.index(value)
    except TypeError:  # such as an array of several, which has what it takes to be tried
        return value


def jobs(value: Any) -> Any:
    """A number of jobs, as a number or text, or "auto"; its range is left for pydantic."""
    if isinstance(value, str) and value != "auto":
        try:
            return int(value)
        except ValueError:
            raise ValueError(f"--jobs is a whole number or auto, not {shown(value)}") from None
    return index(value)


def one_of(noun: str, names: tuple[str, ...]) -> Callable[[str], str]:
    """A check that a value is among `names`."""

    def check(value: str) -> str:
        if value not in names:
            raise ValueError(f"unknown {noun} {value!r}: {nearest(value, names)}")
        return value

    return check


def folder_name(name: str | None) -> str | None:
    """A name that a folder can have on every system."""
    if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(
            f"--name {name!r} is no folder's name: use letters, digits, '.', '_' and '-'"
        )
    return name


def _items(value: Any) -> list[Any]:
    """A list as it is; text cut at its commas; a single value as a list of one."""
    if isinstance(value, str):
        return value.split(",")
    return list(value) if isinstance(value, Iterable) else [value]


#: Pydantic's type of error -> what the setting is.
_KINDS = {
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "float_type": "a number",
    "path_type": "a path",
    "byte_size": "a size such as 4GB or 512MiB",
    "byte_size_unit": "a size such as 4GB or 512MiB",
}

_BOUNDS = {"ge": "from {} on", "gt": "over {}", "le": "up to {}", "finite": "that is finite"}


def usage_error(
    error: pydantic.ValidationError, names: Mapping[str, str], where: str = ""
) -> UsageError:
    """The first thing that is wrong, in one line.

    Args:
        error: what pydantic found.
        names: field of each setting -> its name on the command line.
        where: the file that they stand in; empty for a command or call.
    """
    first = error.errors(include_url=False)[0]
    field, value, limits = str((*first["loc"], "")[0]), first["input"], first.get("ctx", {})
    name = names.get(field, field)
    option = f"{where}: {name}" if where else f"--{name}"
    kind = first["type"]
    if kind == "extra_forbidden":
        text = f"unknown setting {field!r}: {nearest(field, names)}"
        return UsageError(f"{where}: {text}" if where else text)
    if kind == "value_error":  # raised above, in whole sentences
        text = str(limits["error"])
        return UsageError(f"{where}: {text}" if where else text)
    if kind in _KINDS:
        return UsageError(f"{option} is {_KINDS[kind]}, not {shown(value)}")
    for bound, words in _BOUNDS.items():
        if bound in limits or (kind, bound) == ("finite_number", "finite"):
            range_text = words.format(limits.get(bound))
            return UsageError(f"{option} {value} is out of range: give a number {range_text}")
    return UsageError(f"{option} {shown(value)}: {first['msg']}")
