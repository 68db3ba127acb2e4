"""The documentation's methods work as they stand; what it says of the project is so."""

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import bench
from bench.testing import check_method

ROOT = Path(__file__).parent.parent
EXAMPLES = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "adding-a-method.md").read_text(), re.S
)


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


def test_the_published_report_is_the_published_runs(tmp_path):
    from bench.report.render import render

    page = render(bench.open_run(ROOT / "results" / "reference"), tmp_path, ["md"])[
        "md"
    ].read_text()
    assert page == (ROOT / "reports" / "reference" / "report.md").read_text()


def test_the_presets_of_the_learned_denoisers_are_as_documented():
    from bench.plugins import sources

    page = (ROOT / "docs" / "learned-denoisers.md").read_text()
    header, *rows = re.findall(r"^\| (?:preset|`(?:quick|default|paper)`) \|.*$", page, re.M)
    names = re.findall(r"`([a-z]+)`", header)
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
