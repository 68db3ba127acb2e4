"""Makes the choices of recipes and grids anew, on validation images; writes docs/choices.md.

    python docs/choose.py --methods vae,dae --noise 0.3
    python docs/choose.py --methods nlm,median
    python docs/choose.py --show

Each candidate is a run of its own below `--out`, named by its settings: what was measured is not
measured again, and what was interrupted goes on. `--show` measures nothing. The page's table has
all runs that lie there, so that parts may be made at different times, or on different machines.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pandas as pd

import bench
from bench.core import method_label
from bench.store import run_folders

PAGE = Path(__file__).with_name("choices.md")
#: Method -> (epochs, batch size) of recipes to choose from, beside the preset's own rates.
RECIPES = {
    "vae": [(10, 256), (20, 256), (40, 256), (20, 128)],
    "dae": [(20, 256), (30, 256), (45, 256), (30, 128)],
    "cvae": [(4, 128), (6, 128), (9, 128), (6, 64)],
    "unet": [(5, 64), (7, 64), (10, 64), (7, 128)],
    "hvae": [(5, 64), (6, 64), (7, 64), (10, 64)],
    "dncnn": [(8, 16), (12, 16), (18, 16)],
}
#: Method -> parameters to choose from, along its grid and beyond its ends; others are the defaults.
GRIDS = {
    # Together, since these make up for each other.
    "nlm": [
        f"distance={distance},h={h},patch={patch}"
        for patch in (3, 5)
        for distance in (6, 10)
        for h in (0.4, 0.5, 0.6)
    ],
    "median": [f"size={size}" for size in (3, 5, 7, 9)],
    "bilateral": [f"width={width}" for width in (1.5, 2.0, 3.0, 5.0, 7.0, 10.0)],
    "wavelet": [f"levels={levels}" for levels in (2, 3, 4)],
    "tv": [f"strength={strength}" for strength in (0.3, 0.5, 0.7, 0.9, 1.2, 1.6)],
    "wiener": [f"strength={strength}" for strength in (1.0, 1.5, 2.0, 2.5, 3.5)],
    "posterior-mean": [f"temperature={t}" for t in (8.0, 16.0, 32.0, 64.0, 128.0)],
}

HEAD = """\
# Choices made on validation images

Mean PSNR in dB over {images} validation images of {dataset}, under noise that tuning does not
draw (`bench run --split validation`); behind a trained method's, the number of training seeds that
it is the mean of. Bold is the best of a method's candidates. Test images are not read. A recipe is
epochs x batch size. Of a filter those parameters are given that are not the defaults; tuning may
find better ones together. **A dash was not measured**: a choice beside dashes was not made by this
table.

This page is made by `python docs/choose.py`, which measures what is missing of the candidates of
the methods that it is given (`--methods vae,dae`), and goes on where it was stopped.

"""


@dataclass(frozen=True)
class Candidate:
    """A method as it is typed, and the recipe's epochs and batch size where it is trained."""

    method: str
    text: str
    recipe: tuple[int, int] | None = None

    @property
    def shown(self) -> str:
        """What is to be chosen: a recipe, or a parameter's value."""
        if self.recipe:
            return "{} x {}".format(*self.recipe)
        return self.text.removeprefix(self.method).strip("[]")


def candidates(methods: tuple[str, ...]) -> Iterator[Candidate]:
    """Those of some methods, in the order of the table."""
    for method in methods:
        for recipe in RECIPES.get(method, ()):
            yield Candidate(method, method, recipe)
        for params in GRIDS.get(method, ()):
            yield Candidate(method, f"{method}[{params}]")


def measured(out: Path, dataset: str, limit: int | None) -> pd.DataFrame:
    """A row a candidate (method as typed, epochs, batch size), level and training seed."""
    parts = []
    for folder in run_folders(out):
        run = bench.open_run(folder)
        settings = run.manifest.settings
        wanted = ("validation", dataset, limit)
        if (settings.split, run.manifest.dataset.name, settings.limit) == wanted:
            records = run.records().assign(recipe=str((settings.epochs, settings.batch_size)))
            parts.append(records)
    if not parts:
        return pd.DataFrame(columns=["text", "recipe", "level", "seed", "psnr"])
    rows = pd.concat(parts)
    rows["text"] = [method_label(*row) for row in zip(rows["method"], rows["params"], strict=True)]
    keys = ["text", "recipe", "level", "seed"]
    return rows.groupby(keys, dropna=False, sort=False)["psnr"].mean().reset_index()


def table(rows: pd.DataFrame, levels: list[float]) -> str:
    """All candidates with their means, as Markdown."""
    entries = (
        rows.groupby(["text", "recipe", "level"])["psnr"].agg(["mean", "size"]).to_dict("index")
    )
    everything = list(candidates((*RECIPES, *GRIDS)))

    def entry(of: Candidate, level: float) -> dict[str, float] | None:
        return entries.get((of.text, str(of.recipe or (None, None)), level))

    best: dict[tuple[str, float], float] = {}
    for of in everything:
        for level in levels:
            if found := entry(of, level):
                key = (of.method, level)
                best[key] = max(best.get(key, 0.0), found["mean"])
    lines = ["method | candidate | " + " | ".join(f"{level:g}" for level in levels)]
    lines.append("---|---|" + "|".join("---:" for _ in levels))
    shown = {of.method for of in everything if any(entry(of, level) for level in levels)}
    for of in everything:
        if of.method not in shown:
            continue
        texts = []
        for level in levels:
            found = entry(of, level)
            text = f"{found['mean']:.2f}" if found else "–"
            if found and found["mean"] == best[of.method, level]:
                text = f"**{text}**"
            texts.append(text + (f" ({found['size']:.0f})" if found and of.recipe else ""))
        lines.append(f"`{of.method}` | {of.shown} | " + " | ".join(texts))
    page = "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in lines)
    missing = dict.fromkeys(f"`{of.method}`" for of in everything if of.method not in shown)
    return f"{page}\n\nNothing was measured of {', '.join(missing)}." if missing else page


@click.command()
@click.option("--methods", default=",".join((*RECIPES, *GRIDS)), show_default=True)
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--noise", default="0.1,0.3,0.5", show_default=True)
@click.option("--seeds", default="0", show_default=True, help="Training seeds.")
@click.option("--limit", type=int, help="Only the first so many validation images.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/choices"))
@click.option("--page", type=click.Path(path_type=Path), default=PAGE, help="The page to write.")
@click.option("--show", is_flag=True, help="Measure nothing.")
def main(methods, dataset, noise, seeds, limit, out, page, show):
    """Measure what is missing, write the page and print the table."""
    for candidate in () if show else candidates(tuple(methods.split(","))):
        epochs, batch_size = candidate.recipe or (None, None)
        print(f"{candidate.method}: {candidate.shown}", flush=True)
        bench.run(
            dataset, methods=[candidate.text], noise=noise, seeds=seeds, limit=limit, out=out,
            split="validation", tune=False, epochs=epochs, batch_size=batch_size,
        )  # fmt: skip
    rows = measured(out, dataset, limit)
    text = table(rows, sorted(rows["level"].unique()))
    images = f"the first {limit}" if limit else "all"
    head = HEAD.format(images=images, dataset=dataset)
    page.write_text(f"{head}{text}\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
