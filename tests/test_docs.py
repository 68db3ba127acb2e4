"""The documentation's methods work as they stand."""

import re
from pathlib import Path

import pytest

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
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.stem
)
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
