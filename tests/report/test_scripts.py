"""The page's parts of a script share one scope: a name that two of them declare is one too many."""

import re
from collections import Counter
from importlib import resources

from bench.report.formats.html.page import SCRIPTS


def test_no_two_parts_of_the_script_declare_one_name():
    folder = resources.files("bench.report.formats.html") / "scripts"
    declared = Counter()
    for name in SCRIPTS:
        text = (folder / f"{name}.js").read_text("utf-8")
        declared.update(
            re.findall(r"^(?:async )?(?:function\*?|class|const|let) ([\w$]+)", text, re.M)
        )
    assert len(declared) > 30
    assert [name for name, times in declared.items() if times > 1] == []
