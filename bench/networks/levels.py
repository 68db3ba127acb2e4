"""What is typed of weights: the levels of noise and the data sets that they were trained on.

Standard deviations are in [0, 1] units.
"""

from __future__ import annotations

import math
from fractions import Fraction

from bench.core import Noise, Unsupported, level_text

#: What `level` says of weights that serve every level untold.
_BLIND = "blind"
# A level that was rounded to three digits is the same.
_TOLERANCE = 1e-3


def trained_level(level: object) -> float | None:
    """The one level that weights were trained for, as it is typed; None where they serve any.

    Args:
        level: 25/255, 0.1, `blind`, or None where nothing is typed.

    Raises:
        Unsupported: it is no standard deviation over 0 and up to 1.

    >>> trained_level("51/255"), trained_level(0.1), trained_level("blind"), trained_level(None)
    (0.2, 0.1, None, None)
    """
    if level in (None, _BLIND):
        return None
    try:
        number = float(Fraction(str(level).replace(" ", "")))
    except (ValueError, ZeroDivisionError, OverflowError):
        number = math.nan
    if not 0 < number <= 1:
        raise Unsupported(f"level={level}: write a standard deviation, as 25/255 or 0.1, or blind")
    return number


def expect_said(level: object, network: str, told: bool) -> None:
    """That a level is typed of a network that is not told the noise's, and of no other.

    Args:
        level: as it is typed.
        network: what a message calls it.
        told: the noise's level is an input of it.

    Raises:
        Unsupported: it is not so.

    >>> expect_said("25/255", "DnCNN", told=False)
    >>> expect_said("25/255", "DRUNet", told=True)
    Traceback (most recent call last):
    bench.core.errors.Unsupported: DRUNet is told the noise's level: leave level out
    """
    if told and level is not None:
        raise Unsupported(f"{network} is told the noise's level: leave level out")
    if not told and level is None:
        raise Unsupported(
            f"{network} is not told the noise's level: say for which it was trained, as "
            "level=25/255, or level=blind"
        )


def named_sets(text: str, level: object) -> tuple[str, ...] | None:
    """The data sets that are typed, with a + between, each with the level; None where none are.

    >>> named_sets("bsd400 + wed", "25/255")
    ('bsd400 gaussian 25/255', 'wed gaussian 25/255')
    >>> named_sets("bsd400", "blind"), named_sets("", "25/255")
    (('bsd400',), None)
    """
    behind = "" if level in (None, _BLIND) else f" gaussian {level}"
    names = (name.strip() for name in text.split("+"))
    return tuple(name + behind for name in names if name) or None


def differs(noise: Noise, low: float, high: float, told: bool = False) -> str:
    """How noise differs from the Gaussian one that weights were trained for; empty if it does not.

    Args:
        noise: that is measured.
        low: least level of training.
        high: greatest one.
        told: the network is told sigma, so that any noise whose sigma is one of these serves.

    >>> from bench import make_noise
    >>> differs(make_noise("gaussian", 0.1), 0.1, 0.1)
    ''
    >>> differs(make_noise("gaussian", 50 / 255), 25 / 255, 25 / 255)
    'trained for gaussian 25/255, not for gaussian 50/255'
    >>> differs(make_noise("poisson", 30), 0, 0.2), differs(make_noise("poisson", 30), 0, 0.2, True)
    ('trained for gaussian 0 to 0.2, not for poisson 30', '')
    """
    gaussian = noise.kind == "gaussian"
    measured = noise.level if gaussian else noise.sigma
    fits = low * (1 - _TOLERANCE) <= measured <= high * (1 + _TOLERANCE)
    if fits and (gaussian or told):
        return ""
    trained = level_text(high) if low == high else f"{level_text(low)} to {level_text(high)}"
    sigma = f" of sigma {level_text(measured)}" if told and not gaussian else ""
    return f"trained for gaussian {trained}, not for {noise}{sigma}"


def shows(mismatch: str) -> bool:
    """Whether other noise than that of training is measured all the same, as `mismatch` says.

    Raises:
        Unsupported: it is neither skip nor show.

    >>> shows("show"), shows("skip")
    (True, False)
    """
    if mismatch not in ("skip", "show"):
        raise Unsupported(f"mismatch={mismatch}: write skip or show")
    return mismatch == "show"
