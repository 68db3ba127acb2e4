"""What a report says of its runs in words; each format escapes it in its own way.

Sentences are plain text in which backticks enclose code, as in the captions of figures.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bench.core import ESTIMATED, MATCHED, level_text, markdown_code, markdown_text, noise_text

if TYPE_CHECKING:
    from bench.report.content.rows import CellRow, Column
    from bench.report.content.section import Section
    from bench.report.content.tables import Table
    from bench.store import Manifest

#: What a reader must know of numbers that are not of test images.
VALIDATION = (
    "These numbers are for choosing recipes and parameters, not for publishing: a trained network "
    "keeps the weights of the epoch that was best on these very images, under other noise."
)


def marked(sentence: str, text: Callable[[str], str], code: Callable[[str], str]) -> str:
    """A sentence in a format: `text` and `code` escape its parts; the spaces between them stay."""
    parts = []
    for number, part in enumerate(sentence.split("`")):
        body = part.strip()
        head, _, tail = part.partition(body) if body else (part, "", "")
        parts += [head and " ", (code if number % 2 else text)(body) if body else "", tail and " "]
    return "".join(parts)


def in_markdown(sentence: str) -> str:
    """A sentence in Markdown."""
    return marked(sentence, markdown_text, markdown_code)


def outside(text: Any) -> str:
    """Text from outside within a sentence: it marks no code."""
    return str(text).replace("`", "'")


def title(section: Section) -> str:
    """The data set's name, whether it stands in for another, and what is not its test images."""
    stand_in = " (stand-in for MNIST)" if section.dataset.note else ""
    return section.name + stand_in + (" (validation images)" * (section.split == "validation"))


def warnings(section: Section) -> list[tuple[str, str]]:
    """What a reader must know before the numbers: a word, and what it is."""
    warned = []
    if note := section.dataset.note:
        warned.append(("Not MNIST", outside(note)))
    if section.split == "validation":
        warned.append(("Validation images", VALIDATION))
    if left_out := section.dataset.left_out:
        warned.append(("Files left out", f"{outside('; '.join(left_out))}."))
    for run in section.runs:
        planned, finished = len(run.manifest.cells), len(run.finished())
        if finished < planned:
            which = f"{outside(run.name)}: " if len(section.runs) > 1 else ""
            warned.append(
                (
                    "Unfinished",
                    f"{which}{finished} of {planned} cells have a result; the run's "
                    "command goes on from there.",
                )
            )
    if section.conflicts:
        warned.append(("Runs that differ", f"{outside('; '.join(section.conflicts))}."))
    return warned


def noises(section: Section) -> list[str]:
    """The noises that were tested on, as tables name them."""
    return list(dict.fromkeys(noise_text(*column) for column in section.columns))


def lead(section: Section) -> str:
    """Images, noises, seeds and conditions in one sentence."""
    draws = f", each under {section.draws} draws of its noise" if section.draws > 1 else ""
    return (
        f"{images(section)} of {outside(section.name)}{draws}; "
        f"noise: {outside(', '.join(noises(section)))}; "
        f"{_seeds(section)}{'; '.join(conditions(section))}."
    )


def images(section: Section) -> str:
    """How many images of which split: `1,000 test images`."""
    return f"{section.images:,} {section.split} images"


def conditions(section: Section) -> list[str]:
    """How the runs trained and tuned; once where it is the same for all."""
    names: dict[str, list[str]] = {}
    for run in section.runs:
        settings = run.manifest.settings
        text = f"preset `{outside(settings.preset)}`"
        text += f", {outside(settings.epochs)} epochs" if settings.epochs else ""
        if settings.batch_size:
            text += f" of batches of {outside(settings.batch_size)}"
        text += "; outputs rounded to 8 bits" if settings.quantize else ""
        text += "; the methods' tunable parameters were " + (
            "chosen on validation images for each noise level"
            if settings.tune
            else "left at their defaults"
        )
        names.setdefault(text, []).append(outside(run.name))
    if len(names) == 1:
        return list(names)
    return [f"{text} ({', '.join(runs)})" for text, runs in names.items()]


def fewer_images(section: Section) -> str:
    """The methods that were tried on a part of the images only."""
    counts = section.summary.groupby("label", sort=False)["images"].min() // section.draws
    fewer = counts[counts < section.images]
    if fewer.empty:
        return ""
    named = ", ".join(f"{outside(label)}: {count:,}" for label, count in fewer.items())
    return f"On fewer images: {named}."


def seed_spread(table: Table, decimals: int) -> str:
    """How far training seeds lie apart, which is no part of the intervals; "" without several."""
    spreads: dict[str, list[str]] = {}
    for (label, (noise, level)), entry in table.entries.items():
        if entry.seed_sd is not None:
            kind = f"{noise} " if len({name for name, _ in table.columns}) > 1 else ""
            spreads.setdefault(label, []).append(
                f"{entry.seed_sd:.{decimals + 1}f} at {kind}{level_text(level)}"
            )
    if not spreads:
        return ""
    named = "; ".join(f"{outside(label)} {', '.join(at)}" for label, at in spreads.items())
    return (
        "Spread over training seeds, which the intervals and tests (over images) do not hold: "
        f"standard deviation of the seeds' means: {named}."
    )


def tested(section: Section) -> str:
    """How methods were told apart, and how small a difference could have been found."""
    psnr = section.pairs[section.pairs["metric"] == "psnr"]
    if psnr.empty:
        return ""
    median, largest = psnr["detectable"].median(), psnr["detectable"].max()
    return (
        f"Intervals are bootstrapped over images. Two methods are told apart where Wilcoxon's "
        "signed-rank test on the same noisy images has p < 0.05 after Holm's correction for all "
        f"{len(psnr):,} comparisons of a metric, and the 95% interval of the mean difference "
        "excludes 0. With a chance of 80% a difference in PSNR would have been found from "
        f"{decibels(median)} on (median of the comparisons; {decibels(largest)} in the hardest). "
        "The tests are over images, for the methods as trained here: another training is "
        "another sample."
    )


def decibels(value: float) -> str:
    """A size in dB with two decimals, or so many that it does not seem to be nothing."""
    decimals = 2
    while value and decimals < 6 and float(f"{value:.{decimals}f}") == 0:
        decimals += 1
    return f"{value:.{decimals}f} dB"


def _seeds(section: Section) -> str:
    """The training seeds, most methods' first; nothing where nothing is random."""
    labels: dict[str, list[str]] = {}
    for label, part in section.cells.groupby("label", sort=False):
        if seeds := ", ".join(map(str, sorted(part["seed"].dropna().unique()))):
            labels.setdefault(seeds, []).append(outside(label))
    (most, _), *others = sorted(labels.items(), key=lambda item: -len(item[1])) or [("", [])]
    if not most:
        return ""
    rest = "".join(f" (of {', '.join(names)}: {seeds})" for seeds, names in others)
    return f"training seeds: {most}{rest}; "


def made(manifest: Manifest) -> list[tuple[str, str]]:
    """How a run was made, but for its command: a word, and a sentence."""
    machine = manifest.machine
    memory = machine.memory_bytes
    hardware = [machine.cpu, f"{machine.cores} cores"]
    hardware += [f"{memory / 2**30:.0f} GiB"] if memory else []
    hardware += [machine.gpu] if machine.gpu else []
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    git = manifest.git
    changed = " with uncommitted changes" if git and git.dirty else ""
    code = f"; code at `{outside(git.commit[:12])}{changed}`" if git else ""
    data = manifest.dataset
    earlier = manifest.earlier
    sizes = ", ".join(f"{count:,} {split}" for split, count in data.sizes.as_dict().items())
    training = ""
    if data.trained_on != data.name:
        training = (
            f"; trained and tuned on {outside(data.training)}, fingerprint "
            f"`{outside(data.training_fingerprint)}`"
        )
    return [
        (
            "Data:",
            f"{outside(data.name)} ({outside(sizes)}), fingerprint "
            f"`{outside(data.fingerprint)}`{training}",
        ),
        ("Machine:", f"{outside(', '.join(hardware))}; {outside(machine.os)}"),
        ("Versions:", f"{outside(versions)}{code}"),
        (
            "Started",
            f"{outside(manifest.started)}, ended {outside(manifest.ended or 'not yet')}"
            + (f"; taken up {len(earlier)} times before" if earlier else ""),
        ),
    ]


def chosen(section: Section) -> dict[str, tuple[str, dict[Column, str]]]:
    """What each method knows of the noise, and what it was run with under each: label -> both."""
    by_label: dict[str, tuple[str, dict[Column, str]]] = {}
    for cell, meta in zip(section.rows(), section.metadata, strict=True):
        if meta.status != "done":
            continue
        values = ", ".join(f"{name}={value}" for name, value in meta.chosen.items())
        score = meta.chosen_score
        scored = f" ({score:.2f} dB)" if score is not None else ""
        _, columns = by_label.setdefault(cell.label, (_knows(section, cell), {}))
        columns[cell.column] = values + scored or "–"
    return by_label


def _knows(section: Section, cell: CellRow) -> str:
    """What a method knows of the noise that it meets."""
    about = section.about.get(cell.method)
    if json.loads(cell.params).get(ESTIMATED) == "estimate":
        return "estimates it"
    if about and about.learns and cell.train is not None:
        return "trained on it" if cell.regime == MATCHED else f"trained on {cell.train}"
    return "is told" if about and about.told_noise else "blind"


def costs(section: Section) -> dict[str, dict[str, str]]:
    """Speed, training and tuning time, size and memory: column -> a method's label -> entry.

    Medians over levels and seeds; of sizes and memory the largest.
    """
    import pandas as pd

    done = section.cells[section.cells["status"] == "done"]
    grouped = done.groupby("label", sort=False)
    columns = {
        "images per second": (grouped["images_per_second"].median(), "{:,.0f}"),
        "training (s)": (grouped["fit_seconds"].median(), "{:.1f}"),
        "tuning (s)": (grouped["tune_seconds"].median(), "{:.1f}"),
        "parameters": (grouped["parameters"].max(), "{:,}"),
        "peak memory (MiB)": (grouped["peak_memory_bytes"].max() / 2**20, "{:,.0f}"),
    }
    return {
        name: {
            str(label): "–" if pd.isna(value) else form.format(value)
            for label, value in values.items()
        }
        for name, (values, form) in columns.items()
        if len(done)
    }
