"""What stands in a pack beside the records, for those who read it: how to read, cite, install."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bench.core import counted, markdown_text, printable
from bench.store import CellMeta, Manifest
from bench.store.columns import described
from bench.store.pack import PackAbout

_README = """\
# {name}

{what} This is a pack of `bench`, a benchmark of image denoisers: every number it holds can be read
without that program, and measured again with it.

## What is in it
- `manifest.json`: settings, data set, versions, machine, protocol. Paths of the machine that
  measured are shortened to their last part.
- `cells/KEY.parquet`: a row an image. Its metadata, JSON under the key `bench`, name method,
  parameters, noise and seed.
- `history/KEY.json`: the loss of what was trained, by epoch: [epoch, split, term, value].
- `samples/KEY.npz`: a few images: clean, noisy, restored.
- `outputs/KEY.images`: {outputs}
- `sources/METHOD/`: code of the methods, in `noises/` and `metrics/` that of plugins; `pack.json`
  says of which it is there, and why not.
- `schema/`: JSON schemas of the manifest and of a cell's metadata, and what the columns mean.
- `environment/requirements.txt`: versions of the packages that measured.
- `CITATION.cff`: how to cite it.
- `SHA256SUMS`: a sum of every other file.

## Is it what was packed?
    sha256sum --check SHA256SUMS

Sums tell damage, not whether the numbers are true: whoever alters a file can make new sums. That is
told by measuring some cells again:

    pip install denoise-bench
    bench verify {zip} --cells 5

## Read it without bench
```python
import glob, json
import pandas as pd
import pyarrow.parquet as pq

rows = []
for path in glob.glob("cells/*.parquet"):
    cell = json.loads(pq.read_schema(path).metadata[b"bench"])["cell"]
    images = pd.read_parquet(path)
    rows.append(images.assign(method=cell["method"] + cell["params"], **cell["noise"]))
table = pd.concat(rows)
print(table.groupby(["kind", "level", "method"])[{metric}].mean())
```

## Read it with bench
    bench report {zip}
    bench doctor {zip}
{notes}"""


def readme(about: PackAbout, manifest: Manifest, metadata: Sequence[CellMeta]) -> str:
    """What a pack is, how it is verified and read."""
    zipped = f"{about.name}.zip"
    notes = "".join(f"- {markdown_text(note)}\n" for note in about.notes)
    return _README.format(
        name=markdown_text(about.name),
        what=markdown_text(_what(manifest, metadata)),
        outputs="all restored images." if about.outputs else "not in this pack.",
        zip=zipped,
        metric=json.dumps(next(iter(manifest.metrics))),
        notes=f"\n## Notes\n{notes}" if notes else "",
    )


def _what(manifest: Manifest, metadata: Sequence[CellMeta]) -> str:
    """`15 methods on mnist, 63 cells, measured by protocol 2 until 2026-11-26.`."""
    settings, data = manifest.settings, manifest.dataset
    methods = len({(meta.cell.method, meta.cell.params) for meta in metadata})
    images = getattr(data.sizes, settings.split)
    if settings.limit:
        images = min(images, settings.limit)
    return (
        f"{counted(methods, 'method')} on {images:,} {settings.split} images of "
        f"{data.name}: {len(metadata)} of {len(dict.fromkeys(manifest.cells))} cells, measured by "
        f"protocol {manifest.protocol}, {_day(manifest)}."
    )


def _day(manifest: Manifest) -> str:
    return (manifest.ended or manifest.started)[:10]


def citation(
    about: PackAbout, manifest: Manifest, metadata: Sequence[CellMeta], authors: Sequence[str]
) -> str:
    """The pack's CITATION.cff; what is quoted is JSON, which YAML takes."""
    version = manifest.versions.get("denoise-bench", "")
    lines = [
        "cff-version: 1.2.0",
        "message: If you use these numbers, please cite the run, and the methods by their papers.",
        "type: dataset",
        f"title: {_quoted(f'{about.name}: records of a benchmark of image denoisers')}",
        f"abstract: {_quoted(_what(manifest, metadata))}",
        "authors:",
        *(f"  - name: {_quoted(name)}" for name in authors or ("The authors of this run",)),
        f"date-released: {_quoted(_day(manifest))}",
        "references:",
        "  - type: software",
        "    title: denoise-bench",
        "    authors:",
        "      - name: The denoise-bench authors",
        *([f"    version: {_quoted(version)}"] if version else []),
        *([f"    commit: {_quoted(manifest.git.commit)}"] if manifest.git else []),
    ]
    return "\n".join([*lines, ""])


def _quoted(text: str) -> str:
    return json.dumps(printable(text))


def requirements(manifest: Manifest) -> str:
    """Versions of what measured, as `pip install -r` takes them."""
    sessions = [session.versions for session in manifest.earlier if session.versions]
    differing = sum(versions != manifest.versions for versions in sessions)
    lines = ["# Of the last session that measured; manifest.json has those of all."]
    if differing:
        lines.append(f"# {differing} earlier sessions had others.")
    if python := manifest.versions.get("python"):
        lines.append(f"# Python {printable(python)}")
    lines += [
        f"{printable(name)}=={printable(version)}"
        for name, version in manifest.versions.items()
        if name != "python"
    ]
    return "\n".join([*lines, ""])


def schemas(manifest: Manifest) -> dict[str, str]:
    """Name -> JSON: schemas of the manifest and of cells' metadata, and what columns mean."""
    metrics = {
        label: {
            "type": "float32",
            "meaning": metric.summary or metric.title,
            "unit": metric.unit,
            "better": metric.better,
        }
        for label, metric in manifest.metrics.items()
    }
    columns = {
        "rows": "an image each; under several noise seeds, an image and seed each",
        "protocol": manifest.protocol,
        "columns": {**described(), **metrics},
    }
    made = {
        "schema/manifest.schema.json": Manifest.model_json_schema(by_alias=True),
        "schema/cell.schema.json": CellMeta.model_json_schema(by_alias=True),
        "schema/columns.json": columns,
    }
    return {name: json.dumps(schema, indent=2) + "\n" for name, schema in made.items()}
