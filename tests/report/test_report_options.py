"""What `bench report` can be asked for, and the summary that it prints."""

import itertools
import re

import pandas as pd
import pytest

import bench
from bench.cli import report as cli_report
from bench.core import UsageError
from bench.report.content.options import Options
from bench.report.content.section import by_dataset
from bench.report.formats import summary
from bench.report.render import FORMATS, render


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bench.run(
        "digits",
        methods=["identity", "median[size=3,weight=1]", "gaussian[width=0.7]"],
        noise="gaussian:0.1,25/255;poisson:20",
        limit=5,
        tune=False,
        out=tmp_path_factory.mktemp("results"),
        name="shown",
    )


@pytest.fixture(scope="module")
def section(run):
    (section,) = by_dataset([run])
    return section


def columns(section):
    return list(dict.fromkeys(zip(section.summary.noise, section.summary.level, strict=True)))


@pytest.mark.parametrize(
    ("typed", "noises"),
    [
        ("", [0, 1, 2]),
        ("0.1", [1]),
        ("gaussian", [0, 1]),
        ("25/255, 20", [0, 2]),
        ("poisson;gaussian:0.10", [2, 1]),
        ("gaussian:0.1,0.09803921568627451", [1, 0]),
    ],
)
def test_columns_are_typed_as_noise_is(section, typed, noises):
    (chosen,) = Options(typed).select([section])
    known = columns(section)
    assert columns(chosen) == [known[i] for i in noises]
    assert len(chosen.cells) == len(chosen.metadata) == 3 * len(noises)
    assert [len(cell["image"]) for cell in chosen.scores] == [5] * len(chosen.cells)
    assert set(zip(chosen.cells.noise, chosen.cells.level, strict=True)) == set(columns(chosen))


@pytest.mark.parametrize(
    "typed", ["0.2", "speckle", "poisson:0.1", "0.1,", "gaussian:x", "1/0", ";"]
)
def test_an_unknown_column_is_refused(section, typed):
    with pytest.raises(UsageError, match=r"the runs have: gaussian 25/255; gaussian 0\.1; poisson"):
        Options(typed).select([section])


def test_unknown_options_end_in_one_line(run, fails, tmp_path):
    def line(*arguments):
        return fails("report", run.path, "--out", tmp_path, "--format", "csv", *arguments, code=2)

    assert "no column is 'gaussian:0.7'" in line("--columns", "gaussian:0.7")
    assert "no metric is called 'pnsr': did you mean psnr?" in line("--metrics", "ssim,pnsr")
    assert "--precision" in line("--precision", "11")
    with pytest.raises(UsageError, match="from 0 to 10"):
        Options(precision=-1)


def test_columns_of_a_run_without_results_can_be_chosen(plugins, tmp_path):
    plugins("bad", "@method()\ndef bad(noisy):\n    raise ValueError('no')")
    run = bench.run("digits", methods=["bad"], noise=[0.1, 0.3], limit=3, out=tmp_path / "results")
    formats = ["md", "csv", "tex", "summary"]
    paths = render(run, tmp_path, formats, Options("0.3"))
    for name in ("md", "tex", "summary"):
        assert "ValueError: no" in paths[name].read_text()
        assert "0.1" not in paths[name].read_text().partition("How these numbers")[0][:400]


@pytest.mark.usefixtures("without_figures")
def test_the_page_and_its_csv_show_what_was_asked_for(run, bench, tmp_path):
    done = bench(
        "report", run.path, "--out", tmp_path, "--format", "md,csv", "--columns", "gaussian:0.1",
        "--metrics", "ssim,psnr", "--precision", "1",
    )  # fmt: skip
    assert done.code == 0, done.err
    folder = tmp_path / "shown"
    page = (folder / "report.md").read_text()
    assert re.findall(r"^## (PSNR|SSIM|MSE)", page, re.M) == ["SSIM", "PSNR"]
    part = page.split("## PSNR (dB)")[1].partition("\n## ")[0]
    assert re.search(r"\| identity +\| \d\d\.\d ± \d\.\d", part)
    assert "poisson" not in page.partition("## How these numbers")[0]
    assert not (folder / "mse.csv").exists()
    psnr = pd.read_csv(folder / "psnr.csv", index_col="label")
    assert list(psnr.columns) == ["gaussian 0.1"]
    records = run.records().query("method == 'identity' and level == 0.1")
    assert psnr.loc["identity", "gaussian 0.1"] == pytest.approx(records["psnr"].mean())


# -- the summary -----------------------------------------------------------------------------


def test_formats_are_the_commands():
    assert tuple(FORMATS) == cli_report.FORMATS


def test_the_summary_alone_is_all_that_is_printed(run, bench, tmp_path):
    done = bench("report", run.path, "--out", tmp_path, "--format", "summary")
    assert done.code == 0, done.err
    assert done.out == (tmp_path / "shown" / "summary.md").read_text()
    assert done.out.startswith("### Denoising digits: 3 methods\n\n5 test images; noise: ")
    assert f"Command: `{run.manifest.command}`" in done.out
    assert [path.name for path in (tmp_path / "shown").iterdir()] == ["summary.md"]
    both = bench("report", run.path, "--out", tmp_path, "--format", "csv,summary")
    assert both.out == done.out
    assert f"Report: {tmp_path / 'shown' / 'summary.csv'}" in both.err


def test_the_summarys_numbers_are_the_records(run, section):
    text = summary.summary([section])
    means = run.records().groupby(["method", "noise", "level"])[["psnr", "ssim"]].mean()
    rows = re.findall(r"^\| (\w+)\S* \| (.*) \|$", text, re.M)
    shown = {name: cells.split(" | ") for name, cells in rows if name != "PSNR"}
    assert set(shown) == {"identity", "median", "gaussian"}
    ranks = [float(cells[0]) for cells in shown.values()]
    assert ranks == sorted(ranks)
    for name, (_, *cells, time, device, size) in shown.items():
        assert re.fullmatch(r"(\\~)?([\d.]+ (s|ms|µs)|\\< 1 µs)", time)
        assert (device, size) == ("CPU", "–")
        for column, cell in zip(columns(section), cells, strict=True):
            numbers = [float(number) for number in re.findall(r"\d+\.\d+", cell)]
            expected = means.loc[(name, *column)]
            assert numbers == pytest.approx(list(expected), abs=0.0051)
    for (noise, level), part in means["psnr"].groupby(["noise", "level"]):
        best = part.idxmax()[0]
        column = columns(section).index((noise, level))
        assert shown[best][1 + column].startswith("**")
        assert re.search(rf"\*\*{best}\S*\*\* at [^*]*{noise}[^*]*{part.max():.2f}", text)


def test_the_summary_names_failures(plugins, tmp_path):
    plugins("bad", "@method()\ndef bad(noisy):\n    raise ValueError('a|b')")
    run = bench.run("digits", methods=["identity", "bad"], noise=0.3, limit=3, out=tmp_path)
    text = summary.summary(list(by_dataset([run])))
    assert "**Without a result: 1 of 2 cells.** bad at gaussian 0.3 failed" in text
    run = bench.run("digits", methods=["bad"], noise=0.3, limit=3, out=tmp_path)
    assert "1 of 1 cells" in summary.summary(list(by_dataset([run])))


def many(section, methods, noises):
    """The data set as if there had been many methods and noises."""
    from dataclasses import replace

    def copies(frame):
        one = frame[(frame["label"] == "median[size=3,weight=1]") & (frame["level"] == 0.1)]
        return pd.concat(
            [
                one.assign(label=f"m{m}", level=float(n))
                for m in range(methods)
                for n in range(noises)
            ],
            ignore_index=True,
        )

    summary = copies(section.summary)
    summary["mean"] += summary["label"].str[1:].astype(int) / 1000
    labels = [f"m{m}" for m in range(methods)]
    cells = copies(section.cells)
    metadata = section.metadata[:1] * len(cells)
    compared = section.pairs.iloc[0].to_dict() | {"told": False}  # each two, on all images
    images = dict(zip(summary["metric"], summary["images"], strict=True))
    pairs = pd.DataFrame(
        [
            {**compared, "a": a, "b": b, "level": float(n), "metric": metric, "images": count}
            for metric, count in images.items()
            for n in range(noises)
            for a, b in itertools.combinations(labels, 2)
        ],
        columns=section.pairs.columns,
    )
    return replace(
        section, cells=cells, metadata=metadata, summary=summary, labels=labels, pairs=pairs
    )


@pytest.mark.parametrize(
    ("sets", "methods", "noises"),
    [
        (1, 1, 1), (1, 40, 1), (1, 40, 14), (2, 40, 1), (2, 12, 14), (3, 12, 1), (3, 12, 14),
        (4, 12, 1), (4, 1, 14), (30, 1, 14), (30, 12, 1),
    ],
)  # fmt: skip
def test_the_summary_has_30_lines_at_most(section, sets, methods, noises):
    text = summary.summary([many(section, methods, noises)] * sets)
    assert len(text.splitlines()) <= 30
    assert max(map(len, text.splitlines())) < 3000
    if (sets, methods) == (1, 40):
        assert "| m39 |" in text
        assert "| m0 |" not in text
        left_out = re.search(r"Left out of the table: (\d+) methods", text)
        assert int(left_out[1]) + len(re.findall(r"^\| m\d+", text, re.M)) == 40
    if sets == 30:
        assert "And 8 more data sets." in text


@pytest.mark.usefixtures("undrawn")
def test_a_report_of_all_formats_at_once(run, tmp_path):
    paths = render(run, tmp_path, ["md", "tex", "csv", "summary"])
    assert all(path.is_file() for path in paths.values())
    assert (tmp_path / "shown" / "quality.pdf").is_file()
    assert (tmp_path / "shown" / "quality.svg").is_file()
