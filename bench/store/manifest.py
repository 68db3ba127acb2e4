"""What a manifest must look like before it is used: it may have been edited, or damaged."""

from __future__ import annotations

from typing import Any

_TEXT, _NUMBER, _FLAG = str, int, bool
_NONE = type(None)
# A type, several types, a list of one form, or names with their forms; `...` stands for any name,
# and a name that ends in "?" may be absent.
_FORM: dict[Any, Any] = {
    "format": _NUMBER,
    "protocol": _NUMBER,
    "conventions": {...: _TEXT},
    "settings": {
        "preset": _TEXT,
        "epochs": (_NUMBER, _NONE),
        "limit": (_NUMBER, _NONE),
        "tune": _FLAG,
        "quantize": _FLAG,
        "batch-size?": (_NUMBER, _NONE),
    },
    "dataset": {
        "name": _TEXT,
        "fingerprint": _TEXT,
        "sizes": {...: _NUMBER, "test": _NUMBER},
        "note": _TEXT,
        "left_out?": [_TEXT],
        "training?": _TEXT,
        "training_fingerprint?": _TEXT,
    },
    "methods": {
        ...: {"summary": _TEXT, "reference": _TEXT, "told_noise?": _FLAG, "learns?": _FLAG}
    },
    "cells": [_TEXT],
    "command": _TEXT,
    "versions": {...: _TEXT},
    "git": ({"commit": _TEXT, "dirty": _FLAG}, _NONE),
    "machine": {
        "os": _TEXT,
        "cpu": _TEXT,
        "cores": _NUMBER,
        "memory_bytes": (_NUMBER, _NONE),
        "gpu": (_TEXT, _NONE),
    },
    "started": _TEXT,
    "ended": (_TEXT, _NONE),
    "earlier?": [dict],
}


def misfit(manifest: Any, *, whole: bool) -> str:
    """What is wrong with a manifest, such as "settings: tune is missing"; "" if nothing.

    Args:
        manifest: as it was read.
        whole: what is missing counts too.
    """
    return _misfit(manifest, _FORM, whole)


def _misfit(value: Any, form: Any, whole: bool) -> str:
    if isinstance(form, tuple):
        found = [_misfit(value, each, whole) for each in form]
        return "" if "" in found else found[0]
    if isinstance(form, list):
        if not isinstance(value, list):
            return "is no list"
        return next(filter(None, (_misfit(each, form[0], whole) for each in value)), "")
    if isinstance(form, dict):
        return _misfit_names(value, form, whole)
    right = isinstance(value, form) and (form is bool or not isinstance(value, bool))
    return "" if right else f"is not of type {form.__name__}"


def _misfit_names(value: Any, form: dict[Any, Any], whole: bool) -> str:
    if not isinstance(value, dict):
        return "has no names"
    for name, inner in form.items():
        if name is ...:
            continue
        plain = name.removesuffix("?")
        if plain not in value:
            if whole and plain == name:
                return f"{plain} is missing"
        elif found := _misfit(value[plain], inner, whole):
            return f"{plain}: {found}"
    if ... in form:
        for name, each in value.items():
            if found := _misfit(each, form[...], whole):
                return f"{name}: {found}"
    return ""
