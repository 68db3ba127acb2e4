"""The page's charting library: the published file, unchanged, which the page's policy lets run."""

import base64
import gzip
import hashlib

from bench.report.formats.html import library


def test_the_script_is_the_published_one():
    digest = hashlib.sha256(library.script().encode()).digest()
    assert digest.hex() == library.SHA256
    assert f"plotly.js (cartesian - minified) v{library.VERSION}" in library.script()[:200]
    assert "MIT license" in library.script()[:200]


def test_the_page_holds_it_packed_and_below_a_megabyte():
    assert gzip.decompress(base64.b64decode(library.packed())).decode() == library.script()
    assert len(library.packed()) < 700_000
