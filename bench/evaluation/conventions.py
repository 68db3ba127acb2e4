"""The conventions under which papers score denoised images, as data: who has which, and where.

A published figure holds for choices that are seldom printed beside it. Each choice that was found
in code which is in use stands here once, and so do the combinations of whole code bases, under
names (`PRESETS`). What they make of an image's numbers is in `convention_scores`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

MetricName = Literal["psnr", "ssim"]
_BOTH: tuple[MetricName, ...] = ("psnr", "ssim")


@dataclass(frozen=True)
class Convention:
    """One way to come from noisy images to a figure; by default this program's own.

    Attributes:
        input: what is denoised: "unclipped", "clipped" to [0, 1], or as "8-bit" files hold it.
        output: what is scored: "clamped" to [0, 1], "unclamped", "rounded" to 8 bits, "truncated";
            "stepped", as rounded but not clamped, is of runs whose range does not clamp.
        colour: "all" channels at once, the mean "per-channel", the luma "y" of BT.601 (16 to 235),
            the same in whole steps ("y-8bit"), or its full range ("grey").
        border: pixels that are left out at each edge.
        window: of SSIM: "gaussian" 11x11 inside the image, "uniform" 7x7, "mirrored" or "zeros"
            beyond the edges.
        range: what counts as the data range of images in [0, 1]: "1", "2", or each image's "own".
        mean: over "images", or over the "pixels" of all images, before the logarithm.

    >>> Convention(colour="y").departures(Convention())
    [('colour', 'y')]
    """

    input: str = "unclipped"
    output: str = "clamped"
    colour: str = "all"
    border: int = 0
    window: str = "gaussian"
    range: str = "1"
    mean: str = "images"

    def departures(self, other: Convention) -> list[tuple[str, Any]]:
        """In what it differs from another one: axis and choice."""
        mine, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        return [(axis, mine[axis]) for axis in mine if mine[axis] != theirs[axis]]

    def seen_by(self, metric: MetricName) -> Convention:
        """The convention with what the metric does not see as it is by default."""
        if metric == "psnr":
            return dataclasses.replace(self, window="gaussian")
        colour = "all" if self.colour == "per-channel" else self.colour
        return dataclasses.replace(self, mean="images", colour=colour)


class Choice(NamedTuple):
    """A choice in words; who has it, and the file in which it was seen."""

    words: str
    who: str
    source: str
    metrics: tuple[MetricName, ...] = _BOTH


_DPIR = "cszn/DPIR main_dpir_denoising.py"
_KAIR = "cszn/KAIR main_test_dncnn.py and utils/utils_image.py"
_BM3D = "bm3d 3.0.7, examples/bm3d_demo_grayscale.py"
_TORCHMETRICS = "torchmetrics functional/image"
_SKIMAGE = "skimage/metrics/_structural_similarity.py"
_SKIMAGE_FLOATS = f"{_SKIMAGE}, notes; scikit-image pull request 6595"

#: Axis -> choice -> what is said of it.
CHOICES: Mapping[str, Mapping[Any, Choice]] = {
    "input": {
        "unclipped": Choice("noisy images not clipped", "DPIR, DnCNN, Restormer, SwinIR", _DPIR),
        "clipped": Choice(
            "noisy images clipped to [0, 1]",
            "FFDNet's clipped tables (imnoise)",
            "cszn/FFDNet Demo_AWGN_Gray_Clip.m",
        ),
        "8-bit": Choice(
            "noisy images clipped and rounded to 8 bits",
            "FFDNet's clipped tables, as its demo says; noisy images kept as PNG",
            "cszn/FFDNet Demo_AWGN_Gray_Clip.m, first lines",
        ),
    },
    "output": {
        "clamped": Choice(
            "outputs clamped, not rounded",
            "DnCNN-PyTorch",
            "SaoYan/DnCNN-PyTorch test.py",
        ),
        "unclamped": Choice("outputs not clamped", "BM3D's authors", _BM3D, ("psnr",)),
        "rounded": Choice("outputs rounded to 8 bits", "KAIR, DPIR, DnCNN, SwinIR", _KAIR),
        "truncated": Choice(
            "outputs truncated to 8 bits",
            "torchvision, of float arrays",
            "torchvision/transforms/functional.py, to_pil_image",
        ),
    },
    "colour": {
        "all": Choice("all channels at once", "KAIR, DPIR, DnCNN, SwinIR", _KAIR),
        "per-channel": Choice(
            "mean of the channels' PSNR",
            "QRNN3D, and hyperspectral denoising",
            "Vandermode/QRNN3D utility/indexes.py",
            ("psnr",),
        ),
        "y": Choice(
            "on luma Y (BT.601, 16 to 235)",
            "BasicSR, SwinIR (PSNR_Y), IPT",
            "XPixelGroup/BasicSR basicsr/metrics/psnr_ssim.py; huawei-noah/Pretrained-IPT "
            "utility.py and issue 48",
        ),
        "y-8bit": Choice(
            "on luma Y in whole steps (rgb2ycbcr of MATLAB)",
            "Restormer, of rain",
            "swz30/Restormer Deraining/evaluate_PSNR_SSIM.m",
        ),
        "grey": Choice(
            "on full-range luma (OpenCV's grey)",
            "KAIR's channel_convert",
            "cszn/KAIR utils/utils_image.py",
        ),
    },
    "border": {
        0: Choice("whole images", "KAIR, DPIR, DnCNN, SwinIR of noise", _KAIR),
        4: Choice(
            "4 pixels cropped at each edge",
            "SwinIR and KAIR, of super-resolution by 4",
            "JingyunLiang/SwinIR main_test_swinir.py",
        ),
        8: Choice(
            "8 pixels cropped at each edge",
            "SwinIR and KAIR, of super-resolution by 8",
            "JingyunLiang/SwinIR main_test_swinir.py",
        ),
        16: Choice("16 pixels cropped at each edge", "BM3D's authors", _BM3D, ("psnr",)),
    },
    "window": {
        "gaussian": Choice(
            "SSIM by Wang's ssim.m",
            "KAIR, DnCNN, BasicSR, SwinIR",
            "cszn/DnCNN utilities/Cal_PSNRSSIM.m",
            ("ssim",),
        ),
        "uniform": Choice(
            "SSIM by 7x7 uniform windows, sample covariance",
            "scikit-image's defaults",
            _SKIMAGE,
            ("ssim",),
        ),
        "mirrored": Choice(
            "SSIM with the edges mirrored",
            "torchmetrics",
            f"{_TORCHMETRICS}/ssim.py",
            ("ssim",),
        ),
        "zeros": Choice(
            "SSIM with zeros beyond the edges",
            "BIPNet",
            "akshaydudhane16/BIPNet Burst De-noising/utils/metrics.py",
            ("ssim",),
        ),
    },
    "range": {
        "1": Choice("data range 1", "KAIR, DPIR, DnCNN, SwinIR", _KAIR),
        "2": Choice(
            "data range 2 for images in [0, 1]",
            "older scikit-image's SSIM of floats; its PSNR where a clean value is below 0",
            f"{_SKIMAGE_FLOATS}; skimage/metrics/simple_metrics.py",
        ),
        "own": Choice(
            "each image's own range (max - min)",
            "torchmetrics' SSIM without data_range, and its PSNR up to 1.7, an image at a time",
            f"{_TORCHMETRICS}/psnr.py and ssim.py; torchmetrics issue 3135",
        ),
    },
    "mean": {
        "images": Choice("mean of the images' PSNR", "KAIR, DPIR, DnCNN, SwinIR", _KAIR, ("psnr",)),
        "pixels": Choice(
            "PSNR of the mean MSE of all pixels",
            "torchmetrics' PeakSignalNoiseRatio",
            "torchmetrics image/psnr.py",
            ("psnr",),
        ),
    },
}  # fmt: skip


class Preset(NamedTuple):
    """The convention of a code base, the metrics that it holds for, and where it was seen."""

    convention: Convention
    who: str
    source: str
    metrics: tuple[MetricName, ...] = _BOTH


#: Name -> what a whole code base does.
PRESETS: Mapping[str, Preset] = {
    "kair": Preset(
        Convention(output="rounded"),
        "KAIR, DPIR, DnCNN and FFDNet (MATLAB), SwinIR",
        f"{_KAIR}; {_DPIR}; cszn/DnCNN Demo_test_DnCNN.m; JingyunLiang/SwinIR main_test_swinir.py",
    ),
    "dncnn-pytorch": Preset(
        Convention(), "DnCNN-PyTorch", "SaoYan/DnCNN-PyTorch test.py", ("psnr",)
    ),
    "ffdnet-clip": Preset(
        Convention(input="clipped", output="rounded"),
        "FFDNet's clipped tables",
        "cszn/FFDNet Demo_AWGN_Gray_Clip.m",
    ),
    "bm3d": Preset(Convention(output="unclamped"), "BM3D's authors", _BM3D, ("psnr",)),
    "bm3d-cropped": Preset(
        Convention(output="unclamped", border=16),
        "BM3D's authors, as printed for correlated noise",
        _BM3D,
        ("psnr",),
    ),
    "basicsr-y": Preset(
        Convention(output="rounded", colour="y"),
        "BasicSR with test_y_channel, SwinIR (PSNR_Y)",
        "XPixelGroup/BasicSR basicsr/metrics/psnr_ssim.py; JingyunLiang/SwinIR main_test_swinir.py",
    ),
    "matlab-y": Preset(
        Convention(output="rounded", colour="y-8bit"),
        "Restormer, of rain",
        "swz30/Restormer Deraining/evaluate_PSNR_SSIM.m",
    ),
    "sr-y": Preset(
        Convention(output="rounded", colour="y", border=4),
        "SwinIR, of super-resolution by 4",
        "JingyunLiang/SwinIR main_test_swinir.py",
    ),
    "torchmetrics": Preset(
        Convention(window="mirrored", range="own", mean="pixels"),
        "torchmetrics without data_range (PSNR: up to 1.7)",
        "torchmetrics image/psnr.py; functional/image/ssim.py; issue 3135",
    ),
    "skimage": Preset(Convention(window="uniform"), "scikit-image's defaults", _SKIMAGE, ("ssim",)),
    "skimage-old": Preset(
        Convention(window="uniform", range="2"),
        "QRNN3D, by an older scikit-image",
        f"Vandermode/QRNN3D utility/indexes.py; {_SKIMAGE_FLOATS}",
        ("ssim",),
    ),
    "mirnet": Preset(
        Convention(range="2"),
        "MIRNet's batch_SSIM",
        f"swz30/MIRNet utils/image_utils.py; {_SKIMAGE_FLOATS}",
        ("ssim",),
    ),
    "qrnn3d": Preset(
        Convention(colour="per-channel"),
        "QRNN3D, and hyperspectral denoising",
        "Vandermode/QRNN3D utility/indexes.py",
        ("psnr",),
    ),
}


class Account(NamedTuple):
    """A convention with all that is said of it; `preset` is empty where it has no name."""

    convention: Convention
    words: str
    who: str
    source: str
    preset: str = ""


def accounts(metric: MetricName, own: Convention, *, rgb: bool) -> list[Account]:
    """The conventions to compare, each once: our own, those of code bases, single departures.

    Args:
        metric: that is scored; what it does not see makes no difference.
        own: the convention of the run.
        rgb: images have colours; of grey ones the same is left out.

    >>> [account.words for account in accounts("psnr", Convention(), rgb=False)][:2]
    ["this run's own", 'outputs rounded to 8 bits']
    """
    own = own.seen_by(metric)
    found = {own: Account(own, "this run's own", "denoise-bench", "docs/protocol.md")}
    for account in (*_presets(metric, own), *_single_departures(metric, own)):
        if account.convention.colour != "all" and not rgb:
            continue
        known = found.setdefault(account.convention, account)
        if known is not account and account.preset:
            same = ", ".join(filter(None, (known.preset, account.preset)))
            who, source = (account.who, account.source) if known.convention == own else known[2:4]
            found[known.convention] = known._replace(preset=same, who=who, source=source)
    return list(found.values())


def _presets(metric: MetricName, own: Convention) -> Iterator[Account]:
    for name, preset in PRESETS.items():
        if metric in preset.metrics:
            convention = preset.convention.seen_by(metric)
            words = _words(convention.departures(own))
            yield Account(convention, words, preset.who, preset.source, name)


def _single_departures(metric: MetricName, own: Convention) -> Iterator[Account]:
    for axis, choices in CHOICES.items():
        for value, choice in choices.items():
            if metric in choice.metrics and value != getattr(own, axis):
                convention = dataclasses.replace(own, **{axis: value})
                yield Account(convention, choice.words, choice.who, choice.source)


def _words(departures: list[tuple[str, Any]]) -> str:
    return "; ".join(CHOICES[axis][value].words for axis, value in departures)
