"""Networks that others trained, from their authors' files."""

import math
from fractions import Fraction

from bench import Unsupported, method
from bench.networks import open_network

#: What `level` says of a network that serves every level untold.
BLIND = "blind"


@method(
    family="pretrained",
    reference="of each network its own; architectures by spandrel",
    requires=("spandrel", "onnxruntime"),
)
def checkpoint(
    noisy, noise, device, *, file="", level=None, mismatch="skip", clip=False, trained_on=""
):
    """The network of a file: PyTorch's weights by their architecture, or ONNX; for Gaussian noise.

    `file` is its path. A network that is told the noise's level is told sigma; of another one
    `level` says for which it was trained, as 25/255, or `blind` for all. At other noise it is
    skipped, or with `mismatch=show` measured. `clip` says that it was trained on clipped noise,
    `trained_on` on what, with a + between data sets.
    """
    if not file:
        raise Unsupported("which network? checkpoint[file=PATH]")
    if mismatch not in ("skip", "show"):
        raise Unsupported(f"mismatch={mismatch}: write skip or show")
    network = open_network(file, device)
    trained = trained_level(level)
    if network.takes_level and trained is not None:
        raise Unsupported(
            f"the network of {file} ({network.name}) is told the noise's level: leave level out"
        )
    if not network.takes_level and trained is None:
        raise Unsupported(
            f"the network of {file} ({network.name}) is not told the noise's level: say for which "
            "it was trained, as level=25/255, or level=blind"
        )
    if mismatch == "skip" and (why := other_noise(noise, trained)):
        raise Unsupported(f"{why}; mismatch=show measures it all the same")
    return network.restore(noisy, noise.sigma)


def trained_level(level):
    """What is typed of a level as a number, as "blind", or None where nothing is."""
    if level in (None, BLIND):
        return level
    try:
        number = float(Fraction(str(level).replace(" ", "")))
    except (ValueError, ZeroDivisionError, OverflowError):
        number = math.nan
    if not 0 < number <= 1:
        raise Unsupported(f"level={level}: write a standard deviation, as 25/255 or 0.1, or blind")
    return number


def other_noise(noise, trained):
    """How noise differs from what a network was trained for; empty where it does not."""
    if trained in (None, BLIND):
        return ""
    if noise.kind != "gaussian":
        return f"its network was trained for Gaussian noise, not for {noise.kind}"
    if not math.isclose(noise.level, trained, rel_tol=1e-3):
        return f"its network was trained for sigma {trained:.4g}, not for {noise.level:.4g}"
    return ""
