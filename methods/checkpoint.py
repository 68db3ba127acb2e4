"""Networks that others trained, from their authors' files."""

import math
from fractions import Fraction

from bench import Unsupported, make_noise, method
from bench.networks import open_network

#: What `level` says of a network that serves every level untold.
BLIND = "blind"


def learned_from(params):
    """The data sets that are typed, each with the level that is; None where none are."""
    level = "" if params["level"] is None else f" gaussian {params['level']}"
    named = [name.strip() for name in params["trained_on"].split("+") if name.strip()]
    return [name + level for name in named] or None


def remark(params, noise):
    """Where noise is not what the network was trained for, and is measured all the same."""
    if not params["file"]:
        raise Unsupported("which network? checkpoint[file=PATH]")
    if params["mismatch"] not in ("skip", "show"):
        raise Unsupported(f"mismatch={params['mismatch']}: write skip or show")
    if params["level"] is not None and params.get("sigma", "").endswith("x"):
        raise Unsupported(f"its network is told no level: leave sigma={params['sigma']} out")
    differs = mismatch_of(noise, trained_level(params["level"]))
    if differs and params["mismatch"] == "show":
        return differs
    if differs or noise.kind == "given" or noise.clip == params["clip"]:
        return ""
    if params["clip"]:
        return f"its network was trained on clipped noise, and {noise} is not clipped"
    return f"{noise} is clipped; if its network was trained on such noise, say clip=true"


@method(
    family="pretrained",
    supervision="clean",
    trained_on=learned_from,
    files=("file",),
    remark=remark,
    reference="of each network its own; architectures: spandrel",
    requires=("spandrel", "onnxruntime"),
)
def checkpoint(
    noisy, noise, *, device, file="", level=None, mismatch="skip", clip=False, trained_on=""
):
    """The network of a file: PyTorch's weights by their architecture, or ONNX; for Gaussian noise.

    `file` is its path. A network that is told the noise's level is told sigma; of another one
    `level` says for which it was trained, as 25/255, or `blind` for all. At other noise it is
    skipped, or with `mismatch=show` measured. `clip` says that it was trained on clipped noise,
    `trained_on` on what, with a + between data sets.
    """
    if not file:
        raise Unsupported("which network? checkpoint[file=PATH]")
    trained, network = trained_level(level), open_network(file, device)
    if network.takes_level and trained is not None:
        raise Unsupported(
            f"its network ({network.name}) is told the noise's level: leave level out"
        )
    if not network.takes_level and trained is None:
        raise Unsupported(
            f"its network ({network.name}) is not told the level: say for which it was "
            "trained, as level=25/255, or level=blind"
        )
    if mismatch != "show" and (why := mismatch_of(noise, trained)):
        raise Unsupported(f"{why}; mismatch=show measures it all the same")
    # Of clipped noise such a network learned the levels that were drawn, not what clipping left.
    nominal = clip and noise.clip and noise.kind == "gaussian"
    return network.restore(noisy, noise.level if nominal else noise.sigma)


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


def mismatch_of(noise, trained):
    """How noise differs from what a network was trained for; empty where it does not."""
    if trained in (None, BLIND):
        return ""
    if noise.kind == "gaussian" and math.isclose(noise.level, trained, rel_tol=1e-3):
        return ""
    return f"its network was trained for {make_noise('gaussian', trained)}, not for {noise}"
