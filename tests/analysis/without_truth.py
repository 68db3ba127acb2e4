"""Are methods ranked the same without ground truth? On images whose truth is known, and hidden.

    python tests/analysis/without_truth.py [IMAGES] [METHODS]  # the table of docs/without-truth.md
    python tests/analysis/without_truth.py intervals           # how often intervals hold the truth

Two noisy frames of each BSD68 image, Gaussian noise of 25/255, are written as npy files in a folder
of scenes, without the clean images. A run on that folder gives uPSNR, uMSE and SURE; its kept
outputs are held to the clean images afterwards. And the report's intervals are made of new draws
of images and noise, 4,000 times, to count how often they hold the true mean of PSNR.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import bench
from bench import datasets, get_method, make_noise
from bench.analysis import statistics
from bench.metrics import mse, psnr, umse, upsnr
from bench.noises import ImageDraws

NOISE = make_noise("gaussian", 25 / 255)
METHODS = "identity,gaussian,median,nlm,wavelet,tv,bilateral,wiener,lmmse,bm3d"
#: Whose intervals are simulated: quick, and not far from each other.
SIMULATED = ("gaussian", "wiener")
DRAWS, SIMULATIONS = 4, 4000


def scenes(images):
    """Position, clean image and two noisy frames of each, float32 (1, C, H, W)."""
    for group in datasets.load("bsd68", datasets.data_folder(None)).groups("test", images):
        for position, clean in zip(group.positions, group.images, strict=True):
            yield int(position), clean[None], frames(position, clean[None], seed=0)


def frames(position, clean, seed):
    """Two noisy frames of an image."""
    draws = [
        ImageDraws(np.array([position]), clean.shape[1:], "without-truth", "test", 2 * seed + frame)
        for frame in range(2)
    ]
    return [NOISE.corrupt(clean, one).astype(np.float32) for one in draws]


def hide(folder, images):
    """Write the frames, and nothing else."""
    (folder / "dataset.toml").write_text("range = [0, 1]\n")
    for position, _, noisy in scenes(images):
        scene = folder / f"{position:02}"
        scene.mkdir()
        for number, frame in enumerate(noisy, 1):
            np.save(scene / f"{number}.npy", frame[0, 0])


def compare(images, methods):
    """What the estimates say of each method beside what is true, means over images."""
    cleans = {position: clean for position, clean, _ in scenes(images)}
    with tempfile.TemporaryDirectory() as folder:
        noisy = Path(folder) / "noisy"
        noisy.mkdir()
        hide(noisy, images)
        run = bench.run(
            f"frames:{noisy}", train_dataset="train400", methods=methods, tune=False,
            sigma="25/255", metrics="upsnr,umse,sure", keep="outputs", out=folder, threads=1,
        )  # fmt: skip
        for note in run.manifest.notes:
            print("note:", note)
        rows = []
        for meta in run.metadata():
            if meta.status != "done":
                print(meta.cell.method, meta.status, meta.reason)
                continue
            columns = run.images(meta.key)
            kept = [
                (positions[row], image[None])
                for positions, _, restored in run.outputs(meta.key)
                for row, image in enumerate(restored)
            ]
            assert [position for position, _ in kept] == list(columns["image"])
            true = [(psnr(cleans[at], image)[0], mse(cleans[at], image)[0]) for at, image in kept]
            each = pd.DataFrame(true, columns=["psnr", "mse"]).assign(
                **{name: columns[name] for name in ("upsnr", "umse", "sure")}
            )
            scatter, told = (each.upsnr - each.psnr).std(), each.upsnr.count()
            rows.append({"method": meta.cell.method, **each.mean(), "told": told, "each": scatter})
    table = pd.DataFrame(rows).set_index("method")
    return table.assign(sure_db=-10 * np.log10(table.sure / table.mse))


def simulate():
    """How often intervals made without truth hold it: of means, and of differences."""
    by_method = {name: get_method(name) for name in SIMULATED}
    columns = {name: [] for name in SIMULATED}
    for position, clean, _ in scenes(None):
        for draw in range(DRAWS):
            first, second = frames(position, clean, seed=1 + draw)
            for name, method in by_method.items():
                restored = method.denoise(first.copy(), NOISE).clip(0, 1)
                columns[name].append(
                    [
                        *psnr(clean, restored), *mse(clean, restored),
                        *upsnr(restored, first, second[:, None]),
                        *umse(restored, first, second[:, None]),
                    ]
                )  # fmt: skip
    one, other = (np.array(columns[name]).reshape(-1, DRAWS, 4) for name in SIMULATED)
    rng = np.random.default_rng(0)
    for what, values in (
        (f"mean of {SIMULATED[0]}", one),
        (f"mean of {SIMULATED[1]}", other),
        ("their difference", one - other),
    ):
        for unit, true, estimated in (("uPSNR", 0, 2), ("uMSE", 1, 3)):
            truth, held = values[..., true].mean(), 0
            for _ in range(SIMULATIONS):
                at = rng.integers(len(values), size=len(values))
                drawn = values[at, rng.integers(DRAWS, size=len(at)), estimated]
                scores = statistics.UnitScores(drawn[:, None])
                low, high = statistics.studentised(scores).intervals()
                held += bool(low[0] <= truth <= high[0])
            print(f"{what} by {unit}: held in {held / SIMULATIONS:.1%}", flush=True)


if __name__ == "__main__":
    typed = sys.argv[1:]
    if typed == ["intervals"]:
        simulate()
    else:
        images = int(typed[0]) if typed else None
        print(compare(images, typed[1] if len(typed) > 1 else METHODS).round(5).to_string())
