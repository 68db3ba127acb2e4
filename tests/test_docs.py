"""The documentation's methods work as they stand; what it says of the project is so."""

import os
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
import yaml

import bench
from bench import analysis
from bench.testing import check_dataset, check_method, check_metric, check_noise

ROOT = Path(__file__).parent.parent


def examples(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.S)


EXAMPLES, METRICS = examples("adding-a-method.md"), examples("adding-a-metric.md")


def test_the_page_shows_all_three_forms():
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize(("number", "margin"), [(0, 5), (1, 1), (2, 5)])
def test_an_example_of_the_documentation_works_as_a_plugin(number, margin, tmp_path):
    file = tmp_path / "example.py"
    file.write_text(EXAMPLES[number])
    check_method(file)
    run = bench.run("digits", methods=["identity", "example"], plugins=[file], noise=0.5, limit=100)
    assert list(run.cells()["status"]) == ["done", "done"]
    psnr = run.records().groupby("method")["psnr"].mean()
    assert psnr["example"] > psnr["identity"] + margin


def test_the_noise_of_the_documentation_works_as_a_plugin(tmp_path):
    (code,) = examples("adding-a-noise.md")
    file = tmp_path / "rows.py"
    file.write_text(code)
    assert len([line for line in code.splitlines() if line]) <= 12
    check_noise(file)


@pytest.mark.parametrize("number", range(2))
def test_a_metric_of_the_documentation_works_as_a_plugin(number, tmp_path):
    file = tmp_path / "example.py"
    file.write_text(METRICS[number])
    check_metric(file)


def test_the_data_set_of_the_documentation_works_as_a_plugin(tmp_path):
    (code,) = examples("adding-a-data-set.md")
    file = tmp_path / "stripes.py"
    file.write_text(code)
    check_dataset(file)
    run = bench.run("stripes", methods=["median"], plugins=[file], noise=0.1)
    assert list(run.cells()["status"]) == ["done"]


def test_what_the_documentation_shows_of_python_runs():
    (code,) = examples("datasets.md")
    names = {}
    with pytest.warns(UserWarning, match="no validation images to tune on"):
        exec(code, names)
    assert names["run"].records()["mae"].notna().all()


def test_the_readmes_method_is_the_pages_first():
    readme = (ROOT / "README.md").read_text()
    assert EXAMPLES[0] in readme


@pytest.mark.parametrize(
    "page", [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)  # fmt: skip
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", page.read_text())
    local = [a or b for a, b in targets if not (a or b).startswith("http")]
    assert local or page.stem not in ("README", "founding-report", "learned-denoisers")
    for target in local:
        assert (page.parent / target).exists(), target


def test_the_readmes_table_is_the_published_reports():
    readme = (ROOT / "README.md").read_text()
    report = (ROOT / "reports" / "reference" / "report.md").read_text()
    table = re.search(r"(?:^\|.*\n)+", readme, re.M)[0]
    assert table.count("\n") > 3
    assert table in report.partition("## SSIM")[0]


@pytest.mark.usefixtures("undrawn")
def test_the_published_report_is_the_published_runs(tmp_path):
    from bench.report.render import render

    page = render(bench.open_run(ROOT / "results" / "reference"), tmp_path, ["md"])[
        "md"
    ].read_text()
    assert page == (ROOT / "reports" / "reference" / "report.md").read_text()


#: Of the reference run; the others are filters and what is fitted.
TRAINED = {"dae", "vae", "cvae", "hvae", "unet", "n2v"}
FILTERS = ("gaussian", "median", "bilateral", "wiener", "tv", "wavelet", "nlm")


@pytest.fixture(scope="module")
def psnr():
    """Label -> mean PSNR at 0.1, 0.3 and 0.5, of the published runs; the report's own VAE too."""
    means = {}
    for name in ("learned", "reference"):
        run = bench.open_run(ROOT / "results" / name)
        table = analysis.table(analysis.means(analysis.Scores.of_run(run, run.cells())), "psnr")
        table = table.filter(like="gaussian")
        means[name] = {
            label: list(row) for label, row in zip(table.index, table.to_numpy(), strict=True)
        }
    report = pd.read_csv(ROOT / "reports" / "founding-report" / "psnr.csv", index_col="label")
    rows = zip(report.index, report.to_numpy(), strict=True)
    means["founding-report"] = {label: list(row) for label, row in rows}
    return means


def three(values, sign=""):
    return " / ".join(f"{value:{sign}.2f}" for value in values)


def less(ours, theirs):
    return [a - b for a, b in zip(ours, theirs, strict=True)]


def test_figures_in_sentences_are_those_of_the_records(psnr):
    means, paper = psnr["learned"], psnr["founding-report"]["vae"]
    now = psnr["reference"]
    best = [max(of) for of in zip(*(now[n] for n in FILTERS), strict=True)]
    unet, hvae, vae, dae = (means[name] for name in ("unet", "hvae", "vae", "dae"))
    filters = max(means["nlm"], means["wavelet"])
    blind = means["unet[train=blind]"]
    gain = less(means["vae[train=blind]"], vae)[2]
    said = {
        "learned-denoisers.md": [
            f"{three(unet)} (best filter {three(filters)})",
            f"| {three(less(unet, hvae))} ({three(hvae)}) |",
            f"`dae` with a code of 20 gives {three(dae)} dB",
            f"without it {three(means['dae[latent=0]'])} dB. `unet` is "
            f"{three(less(unet, means['dae[latent=0]']))} dB above that",
            f"`vae` is {three(less(dae, vae))} dB below `dae`",
            f"`unet[train=blind]` loses {three(less(unet, blind))} dB",
            f"`vae` even gains {gain:.2f} dB at 0.5",
            f"| {three(less(paper, vae), '+').replace('+0.00', '0.00')} |",
        ],
        "founding-report.md": [
            f"gain {min(less(means['cvae'], vae)):.2f} to {max(less(means['cvae'], vae)):.2f} dB",
            f"gains {min(less(means['dae[latent=0]'], dae)):.2f} to "
            f"{max(less(means['dae[latent=0]'], dae)):.2f} dB over `dae`",
            f"gains {three(less(hvae, paper))} dB",
        ],
        "../README.md": [
            f"the U-Net has {three(unet)} dB",
            f"({now['vae'][0]:.2f} dB at 0.1, where the noisy image has "
            f"{now['identity'][0]:.2f} and the best filter {best[0]:.2f})",
            f"at 0.5 it is {now['vae'][2] - best[2]:.1f} dB above it",
        ],
    }
    for page, sentences in said.items():
        text = " ".join((ROOT / "docs" / page).read_text().split())
        missing = [sentence for sentence in sentences if sentence not in text]
        assert not missing, page


def test_tables_of_psnr_are_those_of_the_records(psnr):
    page = (ROOT / "docs" / "classical-methods.md").read_text()
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (\d+\.\d\d \| .*) \|$", page, re.M))
    assert rows == {
        label: " | ".join(f"{value:.2f}" for value in values)
        for label, values in psnr["reference"].items()
        if label not in TRAINED
    }
    page = (ROOT / "docs" / "founding-report.md").read_text()
    # Rows that begin with a number are of the sweep, which is no published run.
    rows = re.findall(r"^\| (\D[^|]+) \| (\d+\.\d\d) dB \| (.+) dB \| (.+) dB \|$", page, re.M)
    learned, paper = psnr["learned"], psnr["founding-report"]
    expected = [
        paper["identity"], paper["nlm"], paper["vae"], learned["vae"],
        learned["vae"], learned["vae[objective=self]"],
    ]  # fmt: skip
    assert [cells for _, *cells in rows] == [[f"{v:.2f}" for v in row] for row in expected]


def test_predicted_uncertainty_is_in_order_where_the_page_says_so():
    run = bench.open_run(ROOT / "results" / "learned")
    calibrations = [meta.calibration for meta in run.metadata() if meta.calibration]
    assert len(calibrations) > 10
    for rows in calibrations:
        observed = [error for _, error, _ in rows]
        assert observed[7:] == sorted(observed[7:])
        broken = [a for a, b in pairwise(observed[:8]) if b < a]
        assert all(error < 2 / 255 for error in broken)


def test_the_presets_of_the_learned_denoisers_are_as_documented():
    from bench.plugins import sources

    page = (ROOT / "docs" / "learned-denoisers.md").read_text()
    header, *rows = re.findall(r"^\| (?:preset|`(?:quick|default|paper)`) \|.*$", page, re.M)
    names = re.findall(r"`([a-z0-9]+)`", header)
    assert set(names) == {name for name in sources.Registry().sources if sources.load(name).recipes}
    for row in rows:
        preset, *cells = (cell.strip().strip("`") for cell in row.strip("|").split("|"))
        for name, cell in zip(names, cells, strict=True):
            recipe = sources.load(name).recipes[preset]
            images = recipe.get("images", 55_000)
            assert cell == f"{recipe['epochs']} x {images:,}; {recipe['batch_size']}", (
                name,
                preset,
            )


PACKAGING = tomllib.loads((ROOT / "pyproject.toml").read_text())
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


def test_the_picture_of_the_rooms_is_the_import_contract():
    (picture,) = re.findall(r"```text\n(.*?)```", ARCHITECTURE, re.S)
    boxes = [re.findall(r"^│ (\w+)", box, re.M) for box in re.split(r"[├┌└].*", picture)]
    contract = PACKAGING["tool"]["importlinter"]["contracts"][0]
    assert [box for box in boxes if box] == [layer.split(" | ") for layer in contract["layers"]]


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_the_files_that_a_page_names_are_there(page):
    named = set(re.findall(r"`((?:bench|tests|docs|methods)/[\w./]*)`", (ROOT / page).read_text()))
    assert len(named) > 10
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_what_the_architecture_looks_up_is_defined_where_it_says():
    rows = re.findall(r"^\| .*`(bench/[\w/]+\.py)` \| `(\w+)` \|$", ARCHITECTURE, re.M)
    assert len(rows) > 10
    for file, name in rows:
        assert re.search(rf"^(?:def|class) {name}\b", (ROOT / file).read_text(), re.M), (file, name)


def test_the_table_of_extras_is_pyprojects():
    page = (ROOT / "docs" / "installation.md").read_text().partition("## Extras")[2]
    named = re.findall(r"^\| `([\w-]+)` \|", page.partition("\n## ")[0], re.M)
    assert named == sorted(PACKAGING["project"]["optional-dependencies"])


def test_the_readmes_test_command_is_what_make_runs():
    recipes = (ROOT / "Makefile").read_text()
    (command,) = re.findall(r"\.venv/bin/(pytest .*)$", (ROOT / "README.md").read_text(), re.M)
    assert f"\t{command}" in recipes


def test_ci_is_the_same_script_on_every_python_that_the_package_names():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if step.get("run") == ".ci/run"] == [".ci/run"]
    versions = [
        entry.rpartition(" ")[2]
        for entry in PACKAGING["project"]["classifiers"]
        if re.search(r":: 3\.\d+$", entry)
    ]
    assert job["strategy"]["matrix"]["python"] == versions
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_spread_of_trainings_is_that_of_the_records():
    records = bench.open_run(ROOT / "results" / "reference").records()
    means = records.groupby(["label", "noise", "level", "seed"])["psnr"].mean()
    unets, hvaes = (means[name, "salt-pepper", 0.1] for name in ("unet", "hvae"))
    readme = " ".join((ROOT / "README.md").read_text().split())
    apart = [f"{each.max() - each.min():.1f}" for each in (unets, hvaes)]
    assert f"under salt and pepper lie {apart[0]} dB apart, those of `hvae` {apart[1]}" in readme
