"""Names, reasons and docstrings are text from outside: no format of a report takes them for more.

A run is written, and its cells are copied under names that no file of a method could have, but
that a manifest or a cell edited by hand, or a parameter as typed, can hold.
"""

import csv
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hostile import HOSTILE, edited, worst
from markdown_it import MarkdownIt
from matplotlib.figure import Figure as Canvas
from PIL import Image

import bench
from bench import store
from bench.core import markdown_code, markdown_text, printable
from bench.report.content.section import by_dataset
from bench.report.figures import Figure, draw
from bench.report.formats import csv_tables, markdown, summary
from bench.report.formats.html import page
from bench.report.formats.latex import document
from bench.report.formats.latex.escape import escape
from bench.store.manifest import timestamp
from bench.store.progress import RunningCell, RunProgress


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    made = bench.run(
        "digits",
        methods=["identity", "median"],
        noise="gaussian:0.1;salt-pepper:0.2",
        limit=4,
        tune=False,
        out=folder,
        name="made",
    )
    return edited(made, folder / "hostile")


@pytest.fixture(scope="module")
def section(run):
    (section,) = by_dataset([run])
    return section


@pytest.fixture(scope="module")
def figure():
    return Figure("examples", "Examples", f"`identity` {worst(1)}.")


@pytest.fixture
def sources(section, figure):
    return {"md": markdown.markdown([(section, [figure])]), "summary": summary.summary([section])}


def is_shown(text):
    """Whether a terminal shows a text, and does nothing else."""
    return text.replace("\n", "").isprintable()


class Shown(HTMLParser):
    """What a browser makes of a page: its tags, attributes and text outside scripts."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes, self.texts, self.within = [], [], [], ""
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.within = tag

    def handle_data(self, data):
        if self.within not in ("script", "style"):
            self.texts.append(data)

    def handle_endtag(self, tag):
        self.within = ""


def test_html_holds_no_element_but_the_reports_own(section):
    source = page.page([section])
    shown = Shown(source)
    assert shown.tags.count("script") == len(re.findall("<script", source))
    assert not {"img", "iframe", "object", "svg"} & set(shown.tags)
    assert not [name for name, _ in shown.attributes if name.startswith("on")]
    links = [value for name, value in shown.attributes if name in ("href", "src", "action")]
    assert all(value.startswith(("#", "data:,")) for value in links), links
    texts = {text.strip() for text in shown.texts}
    assert {printable(text) for text in HOSTILE} <= texts
    # Data of the scripts ends where it should, and names in charts are no markup.
    data = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', source, re.S)
    assert len(data) >= 4
    for text in data:
        assert "<" not in text
        json.loads(text)
    chart = re.search(r'data-chart="[^"]+">(.*?)</script>', source, re.S)[1]
    names = [trace.get("name", "") for figure in json.loads(chart) for trace in figure["data"]]
    assert "&lt;img src=x onerror=f()&gt;" in names
    assert not [name for name in names if "<" in name]


def text_of(token):
    """What a line shows: spaces of no width keep GitHub from linking what looks like a link."""
    text = "".join(
        child.content
        if child.type in ("text", "text_special", "code_inline")
        else f"<{child.type}>"
        for child in token.children
    )
    linked = [child.content for child in token.children if child.type != "code_inline"]
    assert not re.search(r"@\w|://|www\.|#\d", "".join(linked), re.IGNORECASE)
    return text.replace("\u200b", "")


def walk(tokens):
    for token in tokens:
        yield token
        yield from walk(token.children or ())


@pytest.mark.parametrize("name", ["md", "summary"])
def test_markdown_holds_no_html_link_or_heading_but_the_reports_own(sources, name):
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = list(walk(markdown.parse(sources[name])))
    page = [token.content for token in tokens if token.type.startswith("html")]
    own = r'(<img src="[a-z0-9-]+\.png" alt="[A-Za-z ]+" width="900">\n?|</?details>.*\n?)'
    assert all(re.fullmatch(own, part) for part in page), page
    links = [token.attrs["href"] for token in tokens if token.type == "link_open"]
    assert all(re.fullmatch(r"[a-z0-9-]+\.(csv|svg)", link) for link in links), links
    assert not [token for token in tokens if token.type in ("image", "s_open")]
    headings = [tokens[i + 1] for i, t in enumerate(tokens) if t.type == "heading_open"]
    assert not [token for token in headings if token.content.startswith("heading")]
    fences = [token for token in tokens if token.type == "fence"]
    assert len(fences) == (name == "md")


def test_markdown_shows_names_as_they_are(sources):
    part = sources["md"].split("## PSNR (dB)")[1]
    tokens = MarkdownIt("commonmark").enable("table").parse(part)
    rows = [tokens[i + 2] for i, token in enumerate(tokens) if token.type == "tr_open"]
    shown = {text_of(row) for row in rows if row.type == "inline"}
    assert {printable(text) for text in HOSTILE} <= shown


def test_the_summary_has_30_lines_at_most(sources):
    assert len(sources["summary"].splitlines()) <= 30


@pytest.mark.parametrize("text", [*HOSTILE, worst(0)])
def test_escaped_text_is_one_text_in_markdown(text):
    (_, inline, _) = (
        MarkdownIt("commonmark").enable("strikethrough").parse(markdown_text(f"x{text}"))
    )
    assert text_of(inline) == printable(f"x{text}")
    (_, inline, _) = MarkdownIt("commonmark").parse(f"Code: {markdown_code(text)}")
    assert [child.type for child in inline.children] == ["text", "code_inline"]
    assert inline.children[1].content == printable(text)


def test_no_command_prints_an_escape_code(run, bench, tmp_path):
    made, name = run.path.with_name("made"), worst(2).replace("\udcff", "")
    run.write_progress(
        RunProgress(
            failed=0, skipped=0, seconds_left=None, updated=timestamp(),
            running=[RunningCell(cell=name, phase="fit", done=1, of=2, unit="\x1b", seconds=1)],
        )
    )  # fmt: skip
    images = tmp_path / "\x1b[31mred\n"
    images.mkdir()
    for name in ("fine.png", "\x1b]0;title\x07\n.png"):
        Image.new("L", (12, 12)).save(images / name, "PNG")
    (images / "\x1b]0;title\x07\n.png").write_bytes(b"none")
    few = ("--dataset", f"folder:{images}", "--methods", "identity", "--no-tune", "--limit", "1")
    with store.hold(run.path):
        said = [bench("status", run.path)]
    said += [bench("status", run.path), bench("doctor", run.path), bench("run", *few)]
    for form in ("text", "markdown", "github", "json"):
        said.append(bench("check", run.path, "--baseline", made, "--format", form))
    said.append(bench("compare", made, run.path))
    for result in said:
        assert result.code != 70, result.err
        assert is_shown(result.out + result.err), result
    json.loads(said[-2].out)
    assert r"\x1b[2J\x9b31m" in said[0].out


def test_no_cell_in_csv_is_a_formula_or_an_escape_code(section, tmp_path):
    csv_tables.write_csv(section, tmp_path)
    files = list(tmp_path.glob("*.csv"))
    assert len(files) == 7
    assert all(is_shown(path.read_text(encoding="utf-8")) for path in files)
    labels = set()
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                labels.add(row["label"])
                for cell in (*row, *row.values()):
                    number = re.fullmatch(r"-?[\d.]+(e-?\d+)?", cell)
                    assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell
    assert "'=cmd|' /C calc'!A0" in labels
    assert "a|b" in labels


def test_figures_show_names_as_they_are(section, tmp_path):
    draw(section.only({("gaussian", 0.1)}), tmp_path, ["svg"])
    drawn = ElementTree.parse(tmp_path / "quality.svg")
    texts = {
        "".join(element.itertext()) for element in drawn.iter() if element.tag.endswith("text")
    }
    assert {"a$b$c", "vae[objective=$\\frac{]", "$\\notamacro$", "{0} {label}"} <= texts


def test_latex_with_hostile_names_compiles_and_shows_them(section, figure, tmp_path, pdflatex):
    canvas = Canvas(figsize=(1, 1))
    canvas.savefig(tmp_path / "examples.pdf")
    for path, text in document.files([(section, [figure])]).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    log = pdflatex(tmp_path / "report.tex")
    assert "Missing character" not in log
    assert "(/etc/hostname" not in log  # how TeX says that it reads a file


# Commands that this package writes, and nothing but them, may stand in LaTeX.
ALLOWED = {
    "textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater", "textbar",
    "ttfamily", "char", "ensuremath", "mu",
}  # fmt: skip


@pytest.mark.parametrize("text", [*HOSTILE, worst(0), "αλφΩ ± × ≤ – µ"])
def test_escaped_text_holds_no_command_of_its_own_in_latex(text):
    escaped = escape(text)
    assert "\n" not in escaped
    bare = re.sub(r"\\[{}$&#%_]", "", escaped)
    commands = re.findall(r"\\([a-zA-Z]*)", bare)
    if text in HOSTILE:
        assert set(commands) <= ALLOWED
    assert not re.search(r"[$&#%_~^](?!\\)", re.sub(r"\\ensuremath\{[^}]*\}+", "", bare))
    assert bare.count("{") == bare.count("}")
    assert all(c.isascii() or c in "Åöéá" for c in escaped)
