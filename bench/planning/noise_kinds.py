"""The kinds of noise that a command can use: those that come with bench, and plugins.

Settings are made before anybody's code is run, so there a plugin's noise is a name and a level;
what the level may be is seen when the plugin is loaded, with the methods.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.core import MissingPackage, Noise, PluginNoise, UsageError, nearest
from bench.noises import KINDS, MakeNoise, make_noise, noise_kind
from bench.plugins.kinds import NOISES
from bench.plugins.noise import NoiseKind
from bench.plugins.sources import Registry

if TYPE_CHECKING:
    from bench.planning.settings import Settings


@dataclass(frozen=True)
class NoiseKinds:
    """Kinds of noise that are plugins, loaded.

    Attributes:
        loaded: name -> kind, of those that were asked for.
    """

    loaded: Mapping[str, NoiseKind]

    def make(self, kind: str, level: float, clip: bool = False, *, typed: str = "") -> Noise:
        """See `bench.noises.make_noise`; also of the plugins' kinds."""
        if kind in self.loaded:
            return self.loaded[kind].noise(level, clip, typed=typed)
        return make_noise(kind, level, clip, typed=typed)

    def resolved(self, settings: Settings) -> Settings:
        """The settings, with noises that know their code.

        Raises:
            UsageError: a level is out of the kind's range.
        """
        if not any(isinstance(noise, PluginNoise) for noise in settings.noise):
            return settings
        noises = tuple(self.make(noise.kind, noise.level, noise.clip) for noise in settings.noise)
        return settings.model_copy(update={"noise": noises})


def requested_kinds(
    settings: Settings, regimes: Iterable[str | None], registry: Registry[Any]
) -> NoiseKinds:
    """The kinds of noise that are plugins and are asked for, and those of `--plugin`.

    Args:
        settings: what was asked for.
        regimes: what methods of their own are trained on; None for those of the settings.
        registry: of any kind; noises are loaded as it loads.

    Raises:
        UsageError: a plugin is broken.
        MissingPackage: one that is asked for needs a package that is not installed.
    """
    noises = registry.of(NOISES)
    noises.load_given()  # one that was given and is broken ends it here
    named = {noise.kind for noise in settings.noise}
    named |= {noise_kind(regime) for regime in (*settings.train_noise, *regimes) if regime}
    loaded = {name: noises.load(name) for name in sorted(named - {*KINDS, ""})}
    for kind in loaded.values():
        if kind.missing:
            raise MissingPackage(kind.missing)
    return NoiseKinds(loaded)


def by_name(noises: Registry[NoiseKind]) -> MakeNoise:
    """What makes noises of kinds that are there, without loading them."""

    def make(kind: str, level: float, clip: bool = False, *, typed: str = "") -> Noise:
        if kind in KINDS:
            return make_noise(kind, level, clip, typed=typed)
        if kind not in noises.sources:
            raise UsageError(f"unknown noise {kind!r}: {nearest(kind, noises.sources)}")
        if not 0 < level < math.inf:
            raise UsageError(
                f"{kind} noise level {typed or level} is out of range: give levels over 0"
            )
        return PluginNoise(float(level), clip, kind=kind)

    return make
