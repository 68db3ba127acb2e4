"""What a manifest says of the methods that were asked for."""

from __future__ import annotations

from collections.abc import Iterable

from bench.core import canonical_json, method_label
from bench.planning.request import RequestedMethod
from bench.store import RecordedMethod


def recorded_methods(requested: Iterable[RequestedMethod]) -> dict[str, RecordedMethod]:
    """Name -> what a manifest says of the method, whatever the parameters it is asked for with."""
    by_name: dict[str, list[RequestedMethod]] = {}
    for one in requested:
        by_name.setdefault(one.method.name, []).append(one)
    return {name: _recorded(several) for name, several in by_name.items()}


def _recorded(requested: list[RequestedMethod]) -> RecordedMethod:
    elsewhere = [one for one in requested if one.method.family == "pretrained"]
    # What wraps another method has learned as much as that one, and with other parameters nothing.
    method = next((one for one in requested if one not in elsewhere), requested[0]).method
    return RecordedMethod(
        summary=method.summary,
        reference=method.declared.reference,
        origin=method.origin,
        told_noise=method.takes_noise,
        learns=method.learns,
        family=method.family,
        supervision=method.supervision,
        trained_on={
            method_label(one.method.name, canonical_json(one.params)): (
                None if one.trained_on is None else list(one.trained_on)
            )
            for one in elsewhere
        },
    )
