"""The page's script is one of many files, which share their names."""

import re
from collections import Counter
from pathlib import Path

from bench.report.formats.html import page

SCRIPTS = Path(page.__file__).parent / "scripts"
DECLARED = re.compile(r"^(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)


def test_every_script_is_part_of_the_page():
    assert sorted(f"{name}.js" for name in page.SCRIPTS) == sorted(
        p.name for p in SCRIPTS.iterdir()
    )


def test_no_name_is_declared_twice():
    """Of two functions of a name the later silently takes the place of the earlier."""
    names = [name for file in SCRIPTS.iterdir() for name in DECLARED.findall(file.read_text())]
    assert len(names) > 40
    assert [name for name, count in Counter(names).items() if count > 1] == []
