"""Templates of Markdown and LaTeX. What they show is escaped, unless it is in the format already.

Names, reasons and docstrings are text from outside; a template cannot forget to escape them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.report.content import prose


class Ready(str):
    """Text that is in the format already."""


def render(
    name: str, text: Callable[[str], str], code: Callable[[str], str], context: Any, **syntax: str
) -> str:
    """A template filled in.

    Its filters: `sentence`, whose backticks enclose code; `code`; and `ready`, which says that a
    text is in the format already (what a macro returns, say).

    Args:
        name: of the file in this folder. Each paragraph in it begins with an empty line, of which
            the first is left out.
        text: escapes text.
        code: escapes code.
        context: the template's names and their values.
        **syntax: of the template, where braces are the format's own, see `jinja2.Environment`.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bench.report.formats", "."),
        finalize=lambda value: value if isinstance(value, Ready) else text(str(value)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **syntax,
    )
    environment.filters |= {
        "sentence": lambda value: Ready(prose.marked(value, text, code)),
        "code": lambda value: Ready(code(value)),
        "ready": Ready,
    }
    return str(environment.get_template(name).render(context)).removeprefix("\n")
