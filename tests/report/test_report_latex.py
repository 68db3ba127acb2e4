"""The report in LaTeX: it compiles, in an article of two columns too, and its numbers are true."""

import re
import shutil
import subprocess

import pytest

import bench
from bench.report.content.options import Options
from bench.report.content.section import by_dataset
from bench.report.content.tables import Table
from bench.report.formats.latex import document
from bench.report.formats.latex.escape import LETTERS, SPECIAL, escape
from bench.report.formats.latex.tables import COLUMNS, ROWS, width_text
from bench.report.render import render

NAMES = ["costs", "joint", "leaderboard", "mse", "psnr", "ssim"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bench.run(
        "digits",
        methods=["identity", "median[size=3,weight=1]", "gaussian[width=3.0]"],
        noise="gaussian:0.1,0.4;poisson:20",
        limit=30,
        tune=False,
        out=tmp_path_factory.mktemp("results"),
        name="shown",
    )


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    return render(run, tmp_path_factory.mktemp("reports"), ["tex"])["tex"].parent


def files(run, **options):
    chosen = Options(**options)
    sections = chosen.select(list(by_dataset([run])))
    return document.files([(section, []) for section in sections], chosen)


def rows(text):
    """Label -> the entries of its row, each (value, half-width, marks), of a table in LaTeX."""
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    entries = {}
    for line in body.strip().splitlines():
        label, *cells = line.strip().removesuffix(r"\\").split(" & ")
        pairs = zip(cells[::2], cells[1::2], strict=True)
        entries[label] = [
            (
                float(re.search(r"[\d.]+", value)[0]),
                float(re.search(r"\\,([\d.]+)", width)[1]),
                {mark for mark in ("textbf", "dagger", "downarrow") if mark in value + width},
            )
            for value, width in pairs
        ]
    return entries


@pytest.mark.parametrize(("metric", "decimals"), [("psnr", 2), ("ssim", 3), ("mse", 5)])
def test_numbers_are_the_records(run, folder, metric, decimals):
    table = rows((folder / "tables" / f"{metric}.tex").read_text())
    assert list(table) == ["identity", "median[size=3,weight=1]", "gaussian[width=3.0]"]
    records = run.records()
    columns = [("gaussian", 0.1), ("gaussian", 0.4), ("poisson", 20)]
    for label, entries in table.items():
        for (noise, level), (value, width, _) in zip(columns, entries, strict=True):
            part = records[
                (records["method"] == label.partition("[")[0])
                & (records["noise"] == noise)
                & (records["level"] == level)
            ][metric]
            assert value == pytest.approx(part.mean(), abs=0.51 * 10**-decimals)
            # Whichever interval it is, for 30 images it is near the normal one.
            assert width == pytest.approx(1.96 * part.std() / 30**0.5, rel=0.3, abs=10**-decimals)
    for column in range(3):
        means = {label: entries[column][0] for label, entries in table.items()}
        best = [label for label, entries in table.items() if "textbf" in entries[column][2]]
        assert best == [(min if metric == "mse" else max)(means, key=means.get)]


def test_what_does_harm_is_marked_and_only_what_occurs_is_explained(run, folder):
    text = (folder / "tables" / "psnr.tex").read_text()
    harm = {
        label: ["downarrow" in marks for _, _, marks in entries]
        for label, entries in rows(text).items()
    }
    assert harm["identity"] == harm["median[size=3,weight=1]"] == [False] * 3
    assert harm["gaussian[width=3.0]"][0]
    assert r"$^\downarrow$: worse than" in text
    only = files(run, columns="gaussian:0.4")["tables/psnr.tex"]
    assert r"\downarrow" not in only


def test_kinds_of_noise_are_grouped(folder):
    text = (folder / "tables" / "psnr.tex").read_text()
    assert r"\multicolumn{4}{c}{gaussian} & \multicolumn{2}{c}{poisson} \\" in text
    assert r"\cmidrule(lr){2-5}\cmidrule(lr){6-7}" in text
    assert r"\label{tab:psnr}" in text


def test_options_choose_noises_metrics_and_decimals(run):
    made = files(run, columns="gaussian", metrics=("ssim",), precision=1)
    assert sorted(made) == [
        "references.bib",
        "report.tex",
        "tables/costs.tex",
        "tables/joint.tex",
        "tables/leaderboard.tex",
        "tables/ssim.tex",
    ]
    text = made["tables/ssim.tex"]
    assert "poisson" not in text
    assert re.findall(r"& (?:\\textbf\{)?(0\.\d+)", text)[0].count("") == 4  # 0.9
    assert made["report.tex"].count("tab:") == 4


def test_a_half_width_is_never_shown_as_nothing():
    assert width_text(0.00004, 2) == "0.00004"
    assert width_text(0.0051, 2) == "0.01"
    assert width_text(0.0, 2) == "0.00"


def test_many_noises_and_many_methods_are_cut_into_several_tables(run, monkeypatch):
    from bench.report.formats.latex import tables

    assert (COLUMNS, ROWS) == (6, 40)
    monkeypatch.setattr(tables, "COLUMNS", 2)
    monkeypatch.setattr(tables, "ROWS", 2)
    made = files(run, metrics=("psnr",))
    assert {"tables/psnr-1.tex", "tables/psnr-2.tex"} <= set(made)
    assert "poisson" not in made["tables/psnr-1.tex"]
    assert "gaussian}" not in made["tables/psnr-2.tex"]
    assert made["tables/psnr-1.tex"].count(r"\begin{table}") == 2
    assert made["tables/psnr-1.tex"].count(r"\label") == 1


def test_the_report_compiles_and_every_reference_is_known(folder, tmp_path, pdflatex):
    shutil.copytree(folder, tmp_path / "report")
    log = pdflatex(tmp_path / "report" / "report.tex")
    for bad in ("undefined", "Missing character", "Overfull", "multiply defined"):
        assert bad not in log
    if shutil.which("pdffonts"):
        fonts = subprocess.run(
            ["pdffonts", tmp_path / "report" / "report.pdf"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "DejaVuSans" in fonts  # a figure's
        assert "Type 3" not in fonts
        assert all(line[46:].split()[-5] == "yes" for line in fonts.splitlines()[2:])


def test_figures_hold_no_fonts_of_type_3(folder):
    figures = sorted(path.name for path in folder.glob("*.pdf"))
    quality = [f"quality{number}.pdf" for number in ("-2", "-3", "-4", "")]
    assert figures == ["examples.pdf", *quality, "speed.pdf"]
    for name in figures:
        data = (folder / name).read_bytes()
        assert b"/Subtype /CIDFontType2" in data
        assert b"/Type3" not in data


def test_a_table_stands_in_an_article_of_two_columns(folder, tmp_path, pdflatex):
    path = tmp_path / "article.tex"
    names = sorted(path.name for path in (folder / "tables").iterdir())
    assert names == [f"{name}.tex" for name in NAMES]
    shutil.copy(folder / "references.bib", tmp_path)
    for name in names:
        shutil.copy(folder / "tables" / name, tmp_path)
    path.write_text(
        r"\documentclass[twocolumn]{article}\usepackage{booktabs,graphicx}\begin{document}"
        + "".join(rf"\input{{{name}}}" for name in names)
        + r"See \ref{tab:psnr}.\bibliographystyle{plain}\bibliography{references}\end{document}"
    )
    pdflatex(path)
    if not shutil.which("bibtex"):
        pytest.skip("no bibtex here")
    said = subprocess.run(["bibtex", "article"], cwd=tmp_path, capture_output=True, check=True)
    assert b"warning" not in said.stdout.lower()
    log = pdflatex(path)
    assert "Overfull" not in log
    assert "undefined" not in log


@pytest.mark.parametrize("encoding", ["OT1", "T1"])
def test_every_character_that_is_kept_compiles(encoding, tmp_path, pdflatex):
    kept = "".join(sorted(LETTERS)) + "".join(SPECIAL) + "".join(map(chr, range(33, 127)))
    path = tmp_path / "all.tex"
    body = "\n\n".join(escape(character) for character in kept)
    path.write_text(
        rf"\documentclass{{article}}\usepackage[{encoding}]{{fontenc}}"
        rf"\usepackage[utf8]{{inputenc}}\begin{{document}}{body}\end{{document}}",
        encoding="utf-8",
    )
    assert "Missing character" not in pdflatex(path)


def test_code_in_docstrings_is_set_as_code(folder):
    article = (folder / "report.tex").read_text()
    assert r"Blur with a Gaussian of standard deviation \texttt{width} pixels" in article


def test_the_joint_table_has_both_metrics_in_one_entry(run):
    made = files(run, rows=("gaussian[width=3.0]", "identity"), columns="gaussian")
    text = made["tables/joint.tex"]
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    records = run.records()
    assert [line.split("~")[0].split(" &")[0].strip() for line in body] == [
        "gaussian[width=3.0]",
        "identity",
    ]
    for line, label in zip(body, ("gaussian[width=3.0]", "identity"), strict=True):
        shown = re.findall(r"([\d.]+)\}?(?:\$\^\{\\d?dagger\}\$)?/(?:\\\w+\{)?([\d.]+)", line)
        for (psnr, ssim), level in zip(shown, (0.1, 0.4), strict=True):
            part = records[(records["label"] == label) & (records["level"] == level)]
            part = part[part["noise"] == "gaussian"]
            assert float(psnr) == pytest.approx(part["psnr"].mean(), abs=0.0051)
            assert float(ssim) == pytest.approx(part["ssim"].mean(), abs=0.00051)
    assert r"PSNR (dB)\,$\uparrow$/SSIM\,$\uparrow$" in text
    assert r"$\sigma=0.1$ & $\sigma=0.4$" in text
    assert r"~\cite{marr1980}" in text
    assert "@article{marr1980," in made["references.bib"]
    assert "median" not in text


def test_a_second_best_is_underlined_where_tests_tell_it_apart(run):
    (section,) = by_dataset([run])
    table = Table.of(section, "psnr")
    text = files(run)["tables/joint.tex"]
    for column in table.columns:
        pairs = {frozenset((p.a, p.b)): p.told for p in section.compared("psnr")[column]}
        means = sorted(table.rows, key=lambda label: -table.entries[label, column].mean)
        apart = pairs[frozenset(means[:2])] == means[0] and pairs[frozenset(means[1:])] == means[1]
        assert (table.second(column, section) == means[1]) == apart
        if apart:
            assert rf"\underline{{{table.entries[means[1], column].mean:.2f}}}" in text
    assert any(table.second(column, section) for column in table.columns)
    assert r"\underline{Underlined}: the second-best, where tests tell it" in text


def test_every_built_in_method_that_names_a_source_has_an_entry():
    from bench.plugins.kinds import METHODS
    from bench.report.formats.latex.references import built_in

    names = {path.stem.replace("_", "-") for path in METHODS.folder.glob("[a-z]*.py")}
    assert names - set(built_in()) == {"identity", "checkpoint"}  # which cite none of their own
    for method, entries in built_in().items():
        for one in entries:
            assert {"author", "title", "year"} <= set(one.fields), (method, one.key)
            assert one.key == re.sub(r"\W", "", one.key)


def test_a_plugins_source_is_an_entry_of_its_own(run):
    from bench.report.formats.latex.references import references, unique

    (section,) = by_dataset([run])
    about = section.about
    plugin = about["median"].model_copy(update={"origin": "a_b.py", "reference": "A & B {2020}"})
    run.manifest.methods["median"] = plugin
    try:
        entry = references([section])["median[size=3,weight=1]"]
        assert [one.kind for one in entry] == ["misc"]
        assert entry[0].fields["note"] == r"A \& B \{2020\}"
        assert len(unique(references([section]))) == 2
    finally:
        run.manifest.methods["median"] = about["median"]
