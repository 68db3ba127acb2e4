"""Packages that a plugin needs and bench does not install."""

from __future__ import annotations

from collections.abc import Iterable


def missing(name: str, requires: Iterable[str], extra: str = "") -> str:
    """Why a plugin cannot run here, and what to do; empty if it can.

    Args:
        name: the plugin's.
        requires: packages, by import name.
        extra: what of bench's own installs them, if something does.

    >>> missing("box", ["math"])
    ''
    >>> missing("box", ["math", "no_such_package"])
    "box needs the package no_such_package: pip install 'no_such_package'"
    """
    from importlib.util import find_spec

    absent = [package for package in requires if find_spec(package) is None]
    if not absent:
        return ""
    what = f"denoise-bench[{extra}]" if extra else " ".join(absent)
    return f"{name} needs the package {absent[0]}: pip install '{what}'"
