"""Text from outside that looks like markup, a formula, a command or an escape code."""

import json
import shutil

import pyarrow.parquet as pq

import bench
from bench.core import cell_key

HOSTILE = [
    "a|b", "a\\|b", "](javascript:alert(1))", "[x](http://x.example)", "<img src=x onerror=f()>",
    "&lt;b&gt;", "`code` ``", "*bold* _it_ ~~gone~~", "line\nbreak\r\n\n# heading", "a$b$c",
    "vae[objective=$\\frac{]", "$\\notamacro$", "=cmd|' /C calc'!A0", "@SUM(1)", "-1+1", "\tx",
    "\\input{/etc/hostname}", "\\end{document}", "\\end{verbatim}", "\\", "%", "100% #1 & ~x^2_i",
    "@octocat mail@x.example", "https://x.example WWW.x.example", "a/b#12", "\x1b[2J\x9b31m",
    "{", "}}", "[star]", "*", "--x ''q'' ?` <<>> ,,", "名前", "Ångström é", "\u202egnp.exe",
    "\x07", "\udcff", "_under", "{0} {label}", "x" * 90, "^^M", "a\u0301", "ﬁ²",
]  # fmt: skip


def worst(index):
    """All of the texts in one, beginning with another for each index."""
    return " ".join(HOSTILE[index:] + HOSTILE[:index])


def edited(run, folder):
    """A copy of a run with hostile text wherever text stands."""
    shutil.copytree(run.path, folder)
    cells = sorted((folder / "cells").iterdir())
    names = []
    for number, text in enumerate(HOSTILE):
        for index, path in enumerate(cells):
            table = pq.read_table(path)
            meta = json.loads(table.schema.metadata[b"bench"])
            cell = meta["cell"]
            if cell["method"] != "median":
                continue
            cell["method"] = text
            meta["chosen"] = {text: text}
            meta["conditions"]["device"] = worst(5)
            if index % 2 == number % 2 == 0 and number > 20:
                meta |= {"status": "failed", "reason": text}
            names.append(cell_key(cell, run.manifest.protocol))
            table = table.replace_schema_metadata({"bench": json.dumps(meta)})
            pq.write_table(table, folder / "cells" / f"{names[-1]}.parquet")
            samples = folder / "samples" / f"{path.stem}.npz"
            shutil.copy(samples, samples.with_name(f"{names[-1]}.npz"))
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["format"] = 1  # whose files may be edited: they have no digests
    manifest["cells"] += names
    manifest["command"] = worst(3)
    manifest["dataset"] |= {"name": worst(4), "note": worst(6), "left_out": HOSTILE}
    manifest["dataset"] |= {"training": worst(7), "training_fingerprint": worst(8)}
    manifest["methods"] |= {text: {"summary": text, "reference": text} for text in HOSTILE}
    manifest["settings"]["preset"] = "```\n" + worst(9)
    manifest["versions"][worst(10)] = worst(11)
    manifest["conventions"][worst(12)] = worst(13)
    manifest["machine"] |= {"cpu": worst(14), "os": worst(15), "gpu": worst(16)}
    path.write_text(json.dumps(manifest))
    return bench.open_run(folder)
