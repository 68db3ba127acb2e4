"""Tables that the page copies: what is shown of them, in three formats that take names for text."""

import csv
import io
import re

import pytest
from hostile import HOSTILE, edited, worst
from markdown_it import MarkdownIt

import bench
from bench.core import markdown_text, printable
from bench.report.content.section import by_dataset
from bench.report.formats import markdown
from bench.report.formats.csv_tables import _harmless
from bench.report.formats.html.page import page as page_of
from bench.report.formats.latex.escape import escape

PSNR, LEADERBOARD = "PSNR (dB)", "the leaderboard"
ARTICLE = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}%s\end{document}"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bench.run(
        "digits",
        methods=["identity", "gaussian[width=0.7]", "median[size=3,weight=1]"],
        noise="gaussian:25/255,0.3;poisson:20",
        limit=20,
        tune=False,
        out=tmp_path_factory.mktemp("results"),
        name="made",
    )


@pytest.fixture(scope="module")
def section(run):
    (section,) = by_dataset([run])
    return section


@pytest.fixture
def page(opens, section, tmp_path):
    return opened(opens, section, tmp_path)


def opened(opens, section, folder):
    path = folder / "report.html"
    path.write_text(page_of([section]), encoding="utf-8")
    return opens(path, permissions=["clipboard-read", "clipboard-write"])


def copied(page, name, form):
    """What a button leaves in the clipboard."""
    page.evaluate("navigator.clipboard.writeText('')")
    button = page.get_by_role("button", name=f"Copy {name} as {form}", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => navigator.clipboard.readText().then(text => text !== '')")
    return page.evaluate("navigator.clipboard.readText()")


def rows_of(text):
    """The rows of a table in CSV, by method."""
    return {row["method"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def numbers(text):
    return re.findall(r"\d+\.\d+", text)


def body_of(tex):
    return tex.split("\\midrule\n")[1].split("\\bottomrule")[0]


def table_lines(text):
    return [line for line in text.splitlines() if line.startswith("|")]


def test_latex_has_the_numbers_of_the_report_in_markdown(page, section):
    report = markdown.markdown([(section, [])])
    expected = {}
    for line in table_lines(report.split("## PSNR (dB)")[1].split("\n## ")[0]):
        name, *cells = line.strip("|").split("|")
        expected.setdefault(name.strip(), []).extend(numbers(" ".join(cells)))
    tex = copied(page, PSNR, "LaTeX")
    lines = {
        line.split("&")[0].strip(): numbers(line.split("&", 1)[1])
        for line in body_of(tex).splitlines()
        if "&" in line
    }
    assert set(lines) == {"identity", "gaussian[width=0.7]", "median[size=3,weight=1]"}
    assert all(values == expected[markdown_text(name)] for name, values in lines.items())
    assert len(lines["identity"]) == 6  # means and half-widths under three noises


def test_latex_marks_what_the_page_marks(page):
    tex = copied(page, PSNR, "LaTeX")
    assert r"\multicolumn{6}{c}{PSNR (dB) \ensuremath{\uparrow}} \\" in tex
    assert r"\multicolumn{2}{c}{gaussian 25/255}" not in tex
    assert r"$\sigma=" in tex
    assert r"\multicolumn{2}{c}{poisson 20}" in tex
    cells = page.locator("#table-0-psnr td")
    for mark, command in (("best", r"\textbf"), ("near", r"\dagger")):
        marked = [c for c in cells.all() if mark in (c.get_attribute("class") or "").split()]
        assert body_of(tex).count(command) == len(marked)
    assert body_of(tex).count(r"\textbf") == 3
    board = copied(page, LEADERBOARD, "LaTeX")
    assert r"\multicolumn{1}{c}{SSIM \ensuremath{\uparrow}}" in board
    assert r"\multicolumn{2}{c}{poisson 20}" in board
    assert "point at a number" not in tex + board


def test_latex_compiles(page, tmp_path, pdflatex):
    page.uncheck("input[data-filter=method][value='1']")
    tables = [copied(page, name, "LaTeX") for name in (LEADERBOARD, PSNR)]
    path = tmp_path / "article.tex"
    path.write_text(ARTICLE % "\n".join(tables), encoding="utf-8")
    assert "Missing character" not in pdflatex(path)


@pytest.mark.parametrize("form", ["LaTeX", "Markdown", "CSV"])
def test_what_is_hidden_stays_out_and_rows_keep_their_order(page, form):
    page.uncheck("input[data-filter=method][value='1']")
    page.uncheck("input[data-filter=column][value='2']")
    page.click("#table-0-psnr thead th:nth-child(1) button")  # by name, from z to a
    if page.get_attribute("#table-0-psnr thead th:nth-child(1)", "aria-sort") == "ascending":
        page.click("#table-0-psnr thead th:nth-child(1) button")
    text = copied(page, PSNR, form)
    assert not re.findall(r"gaussian\[|poisson", text)
    begins = r"^ *\|? ?\"?(identity|gaussian|median)\b(?! \d)"
    assert re.findall(begins, text, re.MULTILINE) == ["median", "identity"]
    said = "Shown are 2 of 3 methods, 2 of 3 noises. Ranks, marks and findings are those of all"
    assert (said in text) == (form != "CSV")


def test_markdown_is_a_table(page, section):
    text = copied(page, PSNR, "Markdown")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    heads = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "th_open"]
    assert heads == ["PSNR (dB) ↑", "gaussian 25/255", "gaussian 0.3", "poisson 20"]
    # Entries are written as in the report.
    lines = [re.sub(r" +", " ", line) for line in table_lines(markdown.markdown([(section, [])]))]
    for cell in (c.strip() for line in table_lines(text)[2:] for c in line.strip("|").split("|")):
        assert any(f" {cell} " in line for line in lines), cell
    board = copied(page, LEADERBOARD, "Markdown")
    assert "| PSNR (dB) ↑ at gaussian 25/255 | SSIM ↑ at gaussian 25/255 |" in board
    assert board.splitlines()[-1].startswith(
        "Table: Leaderboard on digits. Means over images. Bold"
    )


def test_csv_has_all_decimals_and_its_marks_apart(page, section):
    text = copied(page, PSNR, "CSV")
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    rows = rows_of(text)
    means = section.summary.set_index(["label", "metric", "noise", "level"])["mean"]
    for (label, metric, noise, _level), mean in means.items():
        if metric == "psnr" and noise == "poisson":
            row = rows[label]
            assert float(row["PSNR (dB) at poisson 20"]) == mean
            assert float(row["PSNR (dB) at poisson 20 half-width"]) > 0
    notes = {row["PSNR (dB) at poisson 20 note"] for row in rows.values()}
    assert "best" in notes
    board = rows_of(copied(page, LEADERBOARD, "CSV"))
    assert {row["rank"].replace(".", "").isdigit() for row in board.values()} == {True}
    assert all(float(row["seconds an image"]) > 0 for row in board.values())
    assert all(row["parameters"] == "0" for row in board.values())


def test_without_a_clipboard_the_text_is_there_to_copy(page):
    page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new Error()))")
    page.get_by_role("button", name=f"Copy {PSNR} as CSV").click()
    source = page.locator(".copies pre")
    source.wait_for()
    selected = page.evaluate("String(getSelection())")
    assert selected.splitlines()[0] == source.text_content().splitlines()[0]
    assert selected.startswith("method,")
    page.get_by_role("button", name=f"Copy {PSNR} as LaTeX").click()
    page.wait_for_function(
        "() => document.querySelector('.copies pre')?.textContent.startsWith('%')"
    )
    assert source.count() == 1


def test_nothing_is_copied_where_nothing_is_shown(page):
    page.click("button[data-none=method]")
    page.get_by_role("button", name=f"Copy {PSNR} as CSV").click()
    assert page.inner_text("#status") == "Nothing to copy: no method is shown"


def test_buttons_are_large_enough_for_thumbs(page):
    boxes = [button.bounding_box() for button in page.locator("[data-copy-as]:visible").all()]
    assert len(boxes) >= 9
    assert all(box["width"] >= 24 and box["height"] >= 24 for box in boxes)


def test_the_page_escapes_as_the_reports_do(page):
    texts = [printable(text) for text in (*HOSTILE, worst(0), "αλφΩ ± × ≤ – µ ‡ ↑", "a--b---c ''")]

    def made(function):
        return page.evaluate(f"texts => texts.map({function})", texts)

    assert made("latexText") == [escape(text) for text in texts]
    assert made("markdownText") == [markdown_text(text) for text in texts]
    for text, cell in zip(texts, made("csvText"), strict=True):
        ((read,),) = csv.reader(io.StringIO(f"{cell}\r\n", newline=""))
        assert read == _harmless(text)


def test_hostile_names_are_text_in_each_format(opens, run, tmp_path, pdflatex):
    few = bench.run(
        "digits", methods=["identity", "median"], noise="gaussian:0.1", limit=4, tune=False,
        out=tmp_path / "results", name="made",
    )  # fmt: skip
    (section,) = by_dataset([edited(few, tmp_path / "hostile")])
    page = opened(opens, section, tmp_path)
    names = {printable(text) for text in HOSTILE}
    for name in (LEADERBOARD, PSNR):
        methods = set(rows_of(copied(page, name, "CSV")))
        assert {_harmless(text) for text in names} <= methods
        text = copied(page, name, "Markdown")
        tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
        kinds = {token.type for token in tokens} | {
            child.type for token in tokens for child in token.children or ()
        }
        assert not kinds & {
            "html_block",
            "html_inline",
            "link_open",
            "image",
            "code_inline",
            "em_open",
            "s_open",
            "heading_open",
        }
        assert len(table_lines(text)) == len(names) + 4
        path = tmp_path / "article.tex"
        path.write_text(ARTICLE % copied(page, name, "LaTeX"), encoding="utf-8")
        log = pdflatex(path)
        assert "Missing character" not in log
        assert "(/etc/hostname" not in log
