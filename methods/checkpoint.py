"""Networks that others trained, from their authors' files."""

from bench import Unsupported, method
from bench.networks import differs, expect_said, named_sets, open_network, shows, trained_level


def learned_from(params):
    """The data sets that are typed, each with the level that is; None where none are."""
    return named_sets(params["trained_on"], params["level"])


def remark(params, noise):
    """Where noise is not what the network was trained for, and is measured all the same."""
    if not params["file"]:
        raise Unsupported("which network? checkpoint[file=PATH]")
    if params["level"] is not None and params.get("sigma", "").endswith("x"):
        raise Unsupported(f"its network is told no level: leave sigma={params['sigma']} out")
    shown, why = shows(params["mismatch"]), mismatch_of(noise, params["level"])
    if why and shown:
        return why
    if why or noise.kind == "given" or noise.clip == params["clip"]:
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
    shown, why = shows(mismatch), mismatch_of(noise, level)
    network = open_network(file, device)
    expect_said(level, f"its network ({network.name})", network.takes_level)
    if why and not shown:
        raise Unsupported(f"{why}; mismatch=show measures it all the same")
    # Of clipped noise such a network learned the levels that were drawn, not what clipping left.
    nominal = clip and noise.clip and noise.kind == "gaussian"
    return network.restore(noisy, noise.level if nominal else noise.sigma)


def mismatch_of(noise, level):
    """How noise differs from what a network was trained for; empty where it does not."""
    trained = trained_level(level)
    why = "" if trained is None else differs(noise, trained, trained)
    return why and f"its network was {why}"
