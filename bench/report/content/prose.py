"""What a report says of its runs in words; each format escapes it in its own way.

Sentences are plain text in which backticks enclose code, as in the captions of figures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis import ENOUGH_TRAININGS, MOST_COMPARED
from bench.core import (
    DEFAULT_SCALES,
    ESTIMATED,
    level_text,
    markdown_code,
    markdown_text,
    noise_text,
    significant,
)
from bench.report.content import data_set, learning, metrics, training
from bench.report.content.completeness import unfinished
from bench.report.content.sessions import sessions
from bench.report.content.words import outside

if TYPE_CHECKING:
    from bench.report.content.rows import CellRow, Column
    from bench.report.content.section import Section
    from bench.report.content.tables import Table
    from bench.store import CellMeta, Manifest
    from bench.store.manifest import Git

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


def title(section: Section) -> str:
    """The data set's name, whether it stands in for another, and what is not its test images."""
    stand_in = " (stand-in for MNIST)" if section.dataset.note else ""
    return section.name + stand_in + (" (validation images)" * (section.split == "validation"))


def warnings(section: Section) -> list[tuple[str, str]]:
    """What a reader must know before the numbers: a word, and what it is."""
    note = section.dataset.note
    warned = [("Unfinished", text) for text in unfinished(section)]
    warned += [("Not MNIST", outside(note))] if note else []
    if section.split == "validation":
        warned.append(("Validation images", VALIDATION))
    if left_out := section.dataset.left_out:
        warned.append(("Files left out", f"{outside('; '.join(left_out))}."))
    for note in dict.fromkeys(note for run in section.runs for note in run.manifest.notes):
        warned.append(("Note", f"{outside(note)}."))
    warned += learning.warnings(section)
    if section.conflicts:
        warned.append(("Runs that differ", f"{outside('; '.join(section.conflicts))}."))
    return warned


def lead(section: Section) -> str:
    """Images, noises, seeds and conditions in one sentence."""
    methods, only = len(section.labels), ""
    if methods > MOST_COMPARED:
        by = metrics.title(section.scales[section.first_metric])
        only = f"; of {methods:,} methods charts and images show the {MOST_COMPARED} best by {by}"
    draws = f", each under {section.draws} draws of its noise" if section.draws > 1 else ""
    first = (
        f"{data_set.images(section)} of {outside(section.name)}{draws}; "
        f"noise: {outside(', '.join(data_set.noises(section)))}; "
        f"{_seeds(section)}{'; '.join(conditions(section))}{only}."
    )
    return " ".join([first, *data_set.remarks(section)])


#: What told how well validation images were restored.
_TUNED_ON = {"clean": "", "frames": " by a second noisy frame", "self": " by themselves"}


def conditions(section: Section) -> list[str]:
    """How the runs trained and tuned; once where it is the same for all."""
    names: dict[str, list[str]] = {}
    tuned: dict[int, dict[str, None]] = {}
    for cell, meta in zip(section.rows(), section.metadata, strict=True):
        if meta.chosen_score is not None:
            tuned.setdefault(cell.run, {})[metrics.title(section.tuned_by(cell, meta))] = None
    for number, run in enumerate(section.runs):
        settings = run.manifest.settings
        text = training.effort(section, number)
        text += "; outputs rounded to 8 bits" if settings.quantize else ""
        by = " or ".join(tuned.get(number, ["PSNR"]))
        text += "; the methods' tunable parameters were " + (
            f"chosen on validation images for each noise level{_TUNED_ON[settings.tune_on]}"
            + (f", by {by}" if by != "PSNR" else "")
            if settings.tune and run.manifest.dataset.sizes.validation
            else "left at their defaults"
        )
        names.setdefault(text, []).append(outside(run.name))
    if len(names) == 1:
        return list(names)
    return [f"{text} ({', '.join(runs)})" for text, runs in names.items()]


def seed_spread(table: Table, decimals: int) -> str:
    """How far training seeds lie apart, and of which methods that is not known; else ""."""
    spreads: dict[str, list[str]] = {}
    few: dict[str, int] = {}
    for (label, (noise, level)), entry in table.entries.items():
        if entry.seed_sd is not None:
            several = len({name for name, _ in table.columns}) > 1 or not level
            at = noise_text(noise, level) if several else level_text(level)
            spreads.setdefault(label, []).append(f"{entry.seed_sd:.{decimals + 1}f} at {at}")
        if 0 < entry.trainings < ENOUGH_TRAININGS:
            few[label] = min(entry.trainings, few.get(label, entry.trainings))
    sentences = []
    if spreads:
        named = "; ".join(f"{outside(label)} {', '.join(at)}" for label, at in spreads.items())
        sentences.append(
            "Spread over training seeds, which intervals of means (over images) do not hold and "
            f"comparisons do: standard deviation of the seeds' means: {named}."
        )
    if few:
        of: dict[int, list[str]] = {}
        for label, count in sorted(few.items(), key=lambda entry: entry[1]):
            of.setdefault(count, []).append(outside(label))
        named = "; ".join(
            f"{', '.join(labels)} ({'one training' if count == 1 else f'{count} trainings'})"
            for count, labels in of.items()
        )
        sentences.append(
            f"How far other trainings would lie is not known of {named}: none is called the best; "
            "`--seeds 0,1,2,3` tells."
        )
    return " ".join(sentences)


def tested(section: Section) -> str:
    """How methods were told apart, and how small a difference could have been found."""
    scale = section.scales[section.first_metric]
    pairs = section.pairs[section.pairs["metric"] == section.first_metric]
    if pairs.empty:
        return ""
    text = (
        "Intervals of means are 95% each, by a studentised bootstrap over "
        f"{data_set.sampled(section)}. Two methods are "
        "told apart by one test of all means, simultaneous over the "
        f"{len(pairs):,} comparisons of a metric: in 95% of reports none of them is false. The "
        "intervals of differences belong to it. "
    )
    sampled = data_set.sampled(section)
    methods = section.summary.groupby(["noise", "level"])["label"].nunique().max()
    if methods > MOST_COMPARED:
        text += (
            f"Of {methods:,} methods the {MOST_COMPARED} with the best means under a noise are "
            "compared with each other, and all with the noisy image itself. "
        )
    sizes = pairs["detectable"][np.isfinite(pairs["detectable"])]
    if sizes.empty:
        return text + (
            f"{section.units:,} {data_set.sampled(section)} are too few: whatever the "
            "difference, none of the "
            "comparisons could have told methods apart."
        )
    if few := len(pairs) - len(sizes):
        text += f"{few:,} of them cannot tell anything from so few {sampled} that differ. "
    median, largest = sizes.median(), sizes.max()
    text += (
        f"With a chance of 80% a difference in {metrics.title(scale)} would have been found from "
        f"{metrics.size(scale, median)} on (median of the comparisons; "
        f"{metrics.size(scale, largest)} in the hardest)."
    )
    if scale.unit == "dB" and median > _FINE:
        needed = section.units * (median / _FINE) ** 2
        text += (
            f" To find {metrics.size(scale, _FINE)} it would take about {significant(needed)} "
            f"{sampled}."
        )
    if pairs["trainings"].between(1, ENOUGH_TRAININGS - 1).any():
        text += " Of fewer than four trainings the models are compared, as they were trained here."
    return text


#: A difference in dB that papers make much of.
_FINE = 0.1


def tuned_by(section: Section) -> str:
    """What tuned values were chosen by: "PSNR"."""
    cells = zip(section.rows(), section.metadata, strict=True)
    tuned = (section.tuned_by(cell, meta) for cell, meta in cells if meta.chosen_score is not None)
    return " or ".join(dict.fromkeys(map(metrics.title, tuned))) or "PSNR"


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


def made(manifest: Manifest, cells: Sequence[CellMeta] = ()) -> list[tuple[str, str]]:
    """How a run was made, but for its command: a word, and a sentence.

    Args:
        manifest: of the run.
        cells: of the run, those that are shown; see `sessions.cells_of`.
    """
    machine = manifest.machine
    memory = machine.memory_bytes
    hardware = [machine.cpu, f"{machine.cores} cores"]
    hardware += [f"{memory / 2**30:.0f} GiB"] if memory else []
    hardware += [machine.gpu] if machine.gpu else []
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    code = f"; code at {_checkout(manifest.git)}" if manifest.git else ""
    code += "".join(f"; {outside(n)} at {_checkout(git)}" for n, git in manifest.plugins.items())
    for label, files in manifest.files.items():
        code += "".join(f"; {outside(label)}: SHA-256 `{sha[:16]}`" for sha in files.values())
    data = manifest.dataset
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
        *sessions(manifest, cells),
        *([("Sealed:", SEALED)] if manifest.settings.sealed else []),
        *_earlier_commands(manifest),
    ]


def conventions(manifest: Manifest) -> dict[str, str]:
    """What makes a run's numbers comparable; of metrics those that it measured."""
    return {
        name: text
        for name, text in manifest.conventions.items()
        if name not in DEFAULT_SCALES or name in manifest.metrics
    }


def described(manifest: Manifest, shown: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What the metrics are that conventions do not tell of: label -> title, sentences.

    Args:
        manifest: of the run, which says what each of its metrics is.
        shown: the metrics that are shown.
    """
    found = {}
    for label in shown:
        metric = manifest.metrics.get(label)
        if metric is None or label in DEFAULT_SCALES:
            continue
        origin = "" if metric.origin in ("", "built in") else f"From {metric.origin}"
        said = (metric.summary, metric.reference, metric.note, origin)
        if text := " ".join(f"{outside(part).rstrip('.')}." for part in said if part):
            found[label] = metrics.title(metric.scale, heading=True), text
    return found


#: Of a run whose methods ran where no clean test image was.
SEALED = "clean test images lay in other processes than the methods ran in."


def _checkout(git: Git | None) -> str:
    """The commit of code; of a plugin it may be that nobody committed it."""
    if git is None:
        return "no commit"
    return f"`{outside(git.commit[:12])}{' with uncommitted changes' if git.dirty else ''}`"


def _earlier_commands(manifest: Manifest) -> list[tuple[str, str]]:
    """The commands of sessions before the last one, where they were others."""
    commands = dict.fromkeys(session.command for session in manifest.earlier)
    others = [f"`{outside(text)}`" for text in commands if text and text != manifest.command]
    return [("Commands before:", ", ".join(others))] if others else []


def chosen(section: Section) -> dict[str, tuple[str, dict[Column, str]]]:
    """What each method knows of the noise, and what it was run with under each: label -> both."""
    by_label: dict[str, tuple[str, dict[Column, str]]] = {}
    learned = learning.learning(section)
    for cell, meta in zip(section.rows(), section.metadata, strict=True):
        if meta.status != "done":
            continue
        values = ", ".join(f"{name}={value}" for name, value in meta.chosen.items())
        if (score := meta.chosen_score) is not None:
            values += f" ({metrics.number(section.tuned_by(cell, meta), score)})"
        knows = _knows(section, cell, learned[cell.label])
        by_label.setdefault(cell.label, (knows, {}))[1][cell.column] = values or "–"
    return by_label


def _knows(section: Section, cell: CellRow, learned: learning.Learning) -> str:
    """What a method knows of the noise that it meets."""
    about = section.about.get(cell.method)
    typed = str(json.loads(cell.params).get(ESTIMATED, ""))
    if typed == "estimate":
        return "estimates it"
    wrongly = f" {typed[:-1]} times its deviation" if typed.endswith("x") else ""
    if about and about.learns and cell.train is not None:
        how = "fitted to" if learned.family == "fitted" else "trained on"
        trained = f"{how} {training.in_relation(cell)}"
        return f"{trained}, told{wrongly}" if wrongly else trained
    return f"is told{wrongly}" if about and about.told_noise else "blind"
