"""Methods of one name that differ in a parameter: the families that sweeps make."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.core import canonical_json, method_label
from bench.report.content.tables import Table, foremost

if TYPE_CHECKING:
    from bench.report.content.section import Section

#: Values of a parameter from which on they are a family.
LEAST = 3
# Methods of a sweep that other figures show one by one; of more they show a few.
_MOST_SHOWN = 4

_FACTOR = re.compile(r"([+-]?[\d.]+(?:e[+-]?\d+)?)(?:x|/(\d+(?:\.\d+)?))?", re.IGNORECASE)


@dataclass(frozen=True)
class Variant:
    """A method of a sweep: its label, and the value of the parameter as a number and as typed."""

    label: str
    value: float
    text: str


@dataclass(frozen=True)
class Family:
    """Methods that differ in one parameter alone.

    Attributes:
        method: their name.
        parameter: of which each has another value.
        others: what else was typed for all of them, as a label shows it: `vae[hidden=800]`.
        variants: by rising value.
    """

    method: str
    parameter: str
    others: str
    variants: tuple[Variant, ...]


def number(value: Any) -> float | None:
    """A parameter's value as a number: also factors and fractions, which are typed as text.

    >>> number(20), number("0.5x"), number("51/255"), number("haar"), number(True)
    (20.0, 0.5, 0.2, None, None)
    """
    try:
        if isinstance(value, str) and (match := _FACTOR.fullmatch(value.strip())):
            value = float(match[1]) / float(match[2] or 1)
        known = float(value) if type(value) in (int, float) else math.nan
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return known if math.isfinite(known) else None


def families(methods: Mapping[str, tuple[str, str, str]]) -> list[Family]:
    """Methods that differ in one parameter, where they have so many values of it.

    Args:
        methods: label -> name, parameters as typed (canonical JSON) and training noise ("matched"
            and "" show nothing).

    >>> vae = {f"vae[latent={n}]": ("vae", f'{{"latent":{n}}}', "") for n in (10, 2, 5)}
    >>> [(f.method, f.parameter, [v.value for v in f.variants]) for f in families(vae)]
    [('vae', 'latent', [2.0, 5.0, 10.0])]
    """
    alike: dict[tuple[str, str, str], dict[tuple[float, str], Variant]] = {}
    for label, (name, params, regime) in methods.items():
        typed = json.loads(params)
        for parameter, value in typed.items():
            known = number(value)
            if known is not None:
                rest = {key: other for key, other in typed.items() if key != parameter}
                others = method_label(name, canonical_json(rest), regime)
                same = alike.setdefault((name, parameter, others), {})
                # Of texts that mean one number, as 0.5 and 0.5x, each is a variant.
                text = str(value)
                same.setdefault((known, text), Variant(label, known, text))
    return [
        Family(*entry, tuple(variants[value] for value in sorted(variants)))
        for entry, variants in alike.items()
        if len({known for known, _ in variants}) >= LEAST
    ]


def representative(section: Section) -> Section:
    """What the other figures show, so that a sweep does not drown all else.

    Of a sweep of many methods the best one, and those of the parameter's first and last value; of
    all very many methods the best.
    """
    left_out = {label for labels, kept in thinned(section) for label in labels if label not in kept}
    if left_out:
        section = section.of_methods([one for one in section.labels if one not in left_out])
    return foremost(section)


def thinned(section: Section) -> Iterator[tuple[list[str], list[str]]]:
    """The labels of each sweep of many methods, and those that the other figures show."""
    if section.summary.empty:
        return
    by_method: dict[str, list[Family]] = {}
    for family in families(typed(section)):
        by_method.setdefault(family.method, []).append(family)
    for members in by_method.values():
        labels = list(dict.fromkeys(v.label for family in members for v in family.variants))
        if len(labels) > _MOST_SHOWN:
            table = Table.of(section, section.first_metric).of_methods(labels)
            best = next(iter(table.ranked()), labels[0])
            of_best = [f.variants for f in members if best in (v.label for v in f.variants)]
            longest = max(of_best, key=len)
            ends = (longest[0].label, longest[-1].label)
            yield labels, [label for label in labels if label in {best, *ends}]


def typed(section: Section) -> dict[str, tuple[str, str, str]]:
    """Label -> what `families` is told of a method."""
    return {row.label: (row.method, row.params, row.regime or "") for row in section.rows()}
