"""The folder of a site: nothing but a former site is written over, nothing else is removed."""

import json

import pytest

from bench.core import StorageError
from bench.report.formats.site import folder
from bench.report.formats.site.slugs import slugs


def files(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_old_pages_go_and_files_of_others_stay(tmp_path):
    out = tmp_path / "site"
    folder.write(out, {"index.html": b"1", "data/old/index.html": b"2"})
    (out / "CNAME").write_text("bench.example")
    folder.write(out, {"index.html": b"3", "data/new.html": b"4"})
    assert files(out) == {folder.MARKER, "CNAME", "index.html", "data/new.html"}
    assert (out / "index.html").read_bytes() == b"3"
    assert not (out / "data" / "old").exists()


def test_a_folder_that_is_no_site_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StorageError, match="holds something else than a site"):
        folder.write(tmp_path, {"index.html": b""})
    assert files(tmp_path) == {"thesis.tex"}
    with pytest.raises(StorageError, match="choose another --out"):
        folder.check(tmp_path / "thesis.tex")


@pytest.mark.parametrize("name", ["../kept", "/etc/kept", "a/../../kept", "..\\kept", "C:kept", 3])
def test_a_marker_that_names_files_elsewhere_removes_nothing(tmp_path, name):
    out = tmp_path / "site"
    folder.write(out, {"index.html": b""})
    (tmp_path / "kept").write_text("mine")
    marker = {"bench-site": 1, "files": [name, "index.html"]}
    (out / folder.MARKER).write_text(json.dumps(marker))
    folder.write(out, {"other.html": b""})
    assert (tmp_path / "kept").read_text() == "mine"
    assert files(out) == {folder.MARKER, "other.html"}


def test_a_link_in_the_way_leads_nowhere(tmp_path):
    out, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.write(out, {"index.html": b""})
    (out / "data").symlink_to(elsewhere)
    with pytest.raises(StorageError, match="is a link"):
        folder.write(out, {"data/page.html": b""})
    assert list(elsewhere.iterdir()) == []
    (out / "data").unlink()
    (out / "index.html").unlink()
    (out / "index.html").symlink_to(elsewhere / "page")
    folder.write(out, {"index.html": b"new"})
    assert not (elsewhere / "page").exists()
    assert not (out / "index.html").is_symlink()


def test_names_collide_nowhere_and_do_not_depend_on_their_order():
    texts = [
        "BM3D",
        "bm3d",
        "Bm3d",
        "a b",
        "a-b",
        "a/b",
        "..",
        "",
        "con",
        "名前",
        "x" * 99,
        "x" * 98,
    ]
    named = slugs(texts, taken=("index",))
    assert slugs(reversed(texts), taken=("index",)) == named
    assert len(set(named.values())) == len(texts)
    assert named["bm3d"] == "bm3d"
    assert named["a-b"] == "a-b"
    assert slugs(["index"], taken=("index",))["index"] != "index"
    for slug in named.values():
        assert slug
        assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
        assert not slug.startswith(".")
        assert ".." not in slug
