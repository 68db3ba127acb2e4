"""A whole site: its pages, links and policy; what packs give together; texts from outside."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq
import pytest
import yaml

import bench
from bench.core import UsageError, cell_key
from bench.report.content.boards import boards
from bench.report.content.sources import sources
from bench.report.formats.site.site import write_site
from bench.store import Verified
from bench.store.manifest import Machine
from bench.store.pack import write_pack
from bench.store.verified import VerifiedCell, pack_digest

HOSTILE = [
    "<script>window.hit=1</script>", "\"><img src=x onerror=window.hit=1>", "../../../escape",
    "{{7*7}}", "javascript:alert(1)", "</style></script>", "a\x1b[2Jb\u202e", "index",
    "'onload='f()",
]  # fmt: skip


def measured(folder, name, methods, *, limit=8, noise="0.1,0.3", **settings):
    return bench.run(
        "digits", methods=methods, noise=noise, limit=limit, tune=False, out=folder, name=name,
        **settings,
    )  # fmt: skip


def dated(run, started):
    """The same run, as if it were measured at another time."""
    path = run.path / "manifest.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"started": started, "ended": started}))
    return str(run.path)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Paths: an older run, a pack of a newer one with an entry of it anew, one of fewer images."""
    folder = tmp_path_factory.mktemp("runs")
    old = measured(folder, "old", ["identity", "gaussian[width=0.7]", "median"])
    new = measured(folder, "new", ["identity", "median", "wavelet"], noise="0.3")
    few = measured(folder, "few", ["identity", "median"], limit=3)
    dated(new, "2026-02-03T00:00:00+00:00")
    pack = folder / "new.zip"
    files = {
        path.relative_to(new.path).as_posix(): path
        for path in new.path.rglob("*")
        if path.is_file() and path.parent.name in ("cells", "samples", "history", "new")
        if not path.name.startswith(".") and path.name != "progress.json"
    }
    said = {"pack": 1, "name": "new", "runs": ["new"]}
    write_pack(pack, files | {"pack.json": json.dumps(said).encode()})
    return [
        dated(old, "2026-01-02T00:00:00+00:00"),
        str(pack),
        dated(few, "2026-03-04T00:00:00+00:00"),
    ]


@pytest.fixture(scope="module")
def site(given, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "site"
    write_site(sources(given), out, "Ours", "https://git.example/us/packs")
    return out


def text(path):
    """What a page says, without its tags, style and scripts."""
    whole = re.sub(r"<(style|script)>.*?</\1>", "", path.read_text(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", whole).split())


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def pages(out):
    return sorted(out.rglob("*.html"))


def links(page):
    for _, attributes in Tags(page.read_text()).found:
        yield from (attributes[name] for name in ("href", "src") if attributes.get(name))


def check_links(out):
    """Every link leads to a page of the site, and to a place that is on it."""
    ids = {page: set(re.findall(r'id="([^"]*)"', page.read_text())) for page in pages(out)}
    for page in pages(out):
        for link in links(page):
            address = urlsplit(link)
            if address.scheme or not (address.path or address.fragment):
                continue
            target = (page.parent / unquote(address.path)).resolve() if address.path else page
            assert target.is_file(), (page, link)
            assert target.is_relative_to(out.resolve()), (page, link)
            if address.fragment:
                assert address.fragment in ids[target], (page, link)


def test_every_link_is_relative_and_leads_to_what_is_there(site):
    check_links(site)
    outside = {
        link for page in pages(site) for link in links(page)
        if not link.startswith("data:") and (urlsplit(link).scheme or link.startswith("/"))
    }  # fmt: skip
    assert outside == {"https://git.example/us/packs"}
    reached, left = set(), {site / "index.html"}
    while left:
        page = left.pop()
        reached.add(page)
        found = {(page.parent / urlsplit(link).path).resolve() for link in links(page)}
        left |= {path for path in found if path.suffix == ".html"} - reached
    assert reached == {page.resolve() for page in pages(site)}


def test_a_page_may_run_its_own_scripts_and_load_images_only(site):
    for page in pages(site):
        whole = page.read_text()
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', whole)[1]
        rules = dict(rule.split(" ", 1) for rule in policy.replace("&#39;", "'").split("; "))
        assert rules["default-src"] == "'none'"
        assert rules["img-src"] == "'self' file: data:"
        for tag, rule in (("style", "style-src"), ("script", "script-src")):
            parts = re.findall(f"<{tag}>(.*?)</{tag}>", whole, flags=re.DOTALL)
            digests = [hashlib.sha256(part.encode()).digest() for part in parts]
            assert rules[rule].split() == [
                f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests
            ]
        assert " style=" not in whole  # the policy would refuse it
        assert not re.search(r"\son\w+=", re.sub(r"<script>.*?</script>", "", whole, flags=re.S))


def test_the_same_packs_give_the_same_bytes_in_whatever_order(given, site, tmp_path):
    write_site(sources(given[::-1]), tmp_path / "again", "Ours", "https://git.example/us/packs")
    first, second = (
        {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        for out in (site, tmp_path / "again")
    )
    assert first == second


def test_what_cannot_stand_together_is_shown_apart_with_the_reason(given, site):
    found = list(boards([source.run for source in sources(given)]))
    assert [board.title for board in found] == ["digits (8 test images)", "digits (3 test images)"]
    assert [len(board.section.runs) for board in found] == [2, 1]
    assert "Shown apart, since their numbers mean something else: digits (3 test images)" in text(
        site / "data" / "digits-8-test-images" / "index.html"
    )


def test_the_newest_is_shown_and_older_values_are_kept(given, site):
    [board, _] = boards([source.run for source in sources(given)])
    entry = ("median", ("gaussian", 0.3))
    assert [run.name for run in board.shown(*entry)] == ["new"]
    assert [result.run.name for result in board.history[entry]] == ["old", "new"]
    assert board.history[entry][0].mean == pytest.approx(board.history[entry][1].mean)
    assert [run.name for run in board.shown("median", ("gaussian", 0.1))] == ["old"]
    page = text(site / "methods" / "median.html")
    assert "2026-01-02 old:" in page
    assert "2026-02-03 new:" in page
    assert (site / "methods" / "median.html").read_text().count('class="history"') == 1
    changes = text(site / "index.html")
    assert "new ; new: wavelet; measured anew: identity and median." in changes


def test_a_page_of_a_noise_has_groups_times_classes_and_packs(site):
    page = site / "data" / "digits-8-test-images" / "gaussian-0.3.html"
    said = text(page)
    for what in ("group", "PSNR (dB)", "SSIM", "an image", "device", "parameters"):
        assert what in said
    rows = [tag for tag in Tags(page.read_text()).found if "data-item" in tag[1]]
    assert len(rows) == 4
    assert {row[1]["data-class"] for row in rows} == {"filter"}
    assert {row[1]["data-verified"] for row in rows} == {"none"}
    assert {row[1]["data-device"] for row in rows} == {"cpu"}


def test_packs_are_offered_with_their_sum_and_folders_are_not(given, site):
    assert (site / "packs" / "new.zip").read_bytes() == Path(given[1]).read_bytes()
    assert hashlib.sha256(Path(given[1]).read_bytes()).hexdigest() in text(
        site / "packs" / "index.html"
    )
    assert [path.name for path in (site / "packs").glob("*.zip")] == ["new.zip"]


def test_images_are_files_of_whole_pixels(site):
    from PIL import Image

    page = site / "data" / "digits-8-test-images" / "images" / "0.html"
    shown = [tag[1] for tag in Tags(page.read_text()).found if tag[0] == "img"]
    assert len(shown) == 2 * 2 + 3 + 4  # clean and noisy, and every method's, under two noises
    for image in shown:
        with Image.open(page.parent / image["src"]) as opened:
            width, height = opened.size
        assert int(image["width"]) % width == int(image["height"]) % height == 0
        assert image["alt"]


def verified(pack, held=5):
    cells = [
        VerifiedCell(key=str(n), cell=f"cell {n}", held=n < held, how="by 2 dB") for n in range(5)
    ]
    machine = Machine(os="x", cpu="Another CPU", cores=2, memory_bytes=None, gpu=None)
    return Verified(
        pack=pack.name, sha256=pack_digest(pack), asked=5, seed=0, cells=cells, same_machine=False,
        machine=machine, versions={}, date="2026-05-06T00:00:00+00:00",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("held", "verdict", "said"),
    [(5, "held", "verified 5 of 5 cells"), (4, "failed", "verified 4 of 5 cells")],
)
def test_a_verification_beside_a_pack_is_shown(given, tmp_path, held, verdict, said):
    pack = Path(shutil.copy(given[1], tmp_path / "mine.zip"))
    verified(pack, held).write_beside(pack)
    [source] = sources([str(pack)])
    assert (source.verdict, source.verdict_text) == (verdict, said)
    page = text(write_site([source], tmp_path / "site").parent / "packs" / "index.html")
    assert said in page
    assert ("cell 4: by 2 dB" in page) == (held == 4)


def test_a_verification_of_another_pack_does_not_count(given, tmp_path):
    pack = Path(shutil.copy(given[1], tmp_path / "mine.zip"))
    said = verified(pack)
    said.sha256 = "0" * 64
    said.write_beside(pack)
    [source] = sources([str(pack)])
    assert (source.verdict, source.verdict_text) == ("other", "verification is of another pack")


def hostile(run, folder):
    """A copy of a run with hostile text wherever text stands."""
    shutil.copytree(run.path, folder)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    names = []
    for cell_path in sorted((folder / "cells").iterdir()):
        table = pq.read_table(cell_path)
        meta = json.loads(table.schema.metadata[b"bench"])
        for text_ in HOSTILE:
            meta["cell"]["method"] = text_
            meta["conditions"]["device"] = text_
            names.append(cell_key(meta["cell"], manifest["protocol"]))
            changed = table.replace_schema_metadata({"bench": json.dumps(meta)})
            pq.write_table(changed, folder / "cells" / f"{names[-1]}.parquet")
            samples = folder / "samples" / f"{cell_path.stem}.npz"
            shutil.copy(samples, samples.with_name(f"{names[-1]}.npz"))
    manifest["format"] = 1  # whose files may be edited: they have no digests
    manifest["cells"] += names
    manifest["dataset"] |= {"name": HOSTILE[2] + HOSTILE[0], "note": HOSTILE[1]}
    manifest["notes"] = HOSTILE
    manifest["methods"] |= {
        text_: {"summary": HOSTILE[at - 1], "reference": text_, "origin": HOSTILE[at - 2]}
        for at, text_ in enumerate(HOSTILE)
    }
    manifest["machine"] |= {"cpu": HOSTILE[0], "gpu": HOSTILE[1]}
    manifest["settings"]["dataset"] = HOSTILE[1]
    path.write_text(json.dumps(manifest))
    return str(folder)


def test_texts_from_outside_are_no_markup_and_lead_nowhere(given, tmp_path):
    folder = tmp_path / '"><b>x'
    found = sources([hostile(bench.open_run(given[2]), folder)])
    out = tmp_path / "made" / "site"
    write_site(found, out, title=HOSTILE[0])
    assert [path.name for path in out.parent.iterdir()] == ["site"]
    check_links(out)
    assert not (tmp_path / "escape").exists()
    allowed = {"a", "button", "input", "img", "svg", "script", "style", "meta", "link"}
    for page in pages(out):
        whole = page.read_text()
        assert whole.count("<script>") == 2
        assert "{{" not in whole.replace("{{7*7}}", "")
        assert "\x1b" not in whole
        assert "\u202e" not in whole
        for tag, attributes in Tags(whole).found:
            assert not any(name.startswith("on") for name in attributes), (page, tag, attributes)
            assert tag != "b"
            if tag in allowed and "href" in attributes:
                assert not attributes["href"].startswith("javascript:")
            if tag == "img":
                assert attributes["src"].endswith(".png")
    assert len(list((out / "methods").iterdir())) == 1 + 2 + len(HOSTILE)
    assert "49" not in text(out / "methods" / "index.html")


def test_nothing_to_show_and_addresses_that_are_none_are_refused(given, tmp_path):
    with pytest.raises(UsageError, match="give one or several"):
        write_site([], tmp_path)
    with pytest.raises(UsageError, match="https://"):
        write_site(sources(given[:1]), tmp_path / "site", "Ours", "javascript:alert(1)")
    assert not (tmp_path / "site").exists()


def test_the_command_writes_a_site_and_refuses_other_folders(bench, fails, given, tmp_path):
    result = bench("site", given[0], "--out", tmp_path / "site", "--title", "Lab")
    assert result.code == 0, result.err
    assert result.out.strip() == f"Site: {tmp_path / 'site' / 'index.html'}"
    assert "old: 6 cells, not verified" in result.err
    assert "<title>Lab</title>" in (tmp_path / "site" / "index.html").read_text()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine").touch()
    line = fails("site", given[0], "--out", tmp_path / "other", code=6)
    assert "holds something else than a site" in line
    fails("site", "--out", tmp_path / "third", code=2)
    fails("site", tmp_path / "nothing", "--out", tmp_path / "third", code=6)


def test_the_workflow_runs_strangers_code_where_it_can_do_nothing(bench):
    workflow = yaml.safe_load(bench("site", "--workflow").out)
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    assert "permissions" not in jobs["verify"]
    assert "permissions" not in jobs["site"]
    assert jobs["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert jobs["publish"]["if"] == "github.event_name != 'pull_request'"
    assert [step.get("run") for step in jobs["publish"]["steps"]] == [None]
    said = [step["run"] for step in jobs["verify"]["steps"] if "run" in step]
    assert not any("${{" in run for run in said)  # names of files never become a script
    assert any("bench verify" in run for run in said)
