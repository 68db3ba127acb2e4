"""What pages are made with: Jinja's environment, and the parts of scripts and style sheets."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from bench.core import printable
from bench.report.content import prose

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup


def environment(
    package: str = "bench.report.formats.html", finalize: Callable[[Any], Any] | None = None
) -> jinja2.Environment:
    """Jinja's, which escapes whatever is not said to be markup.

    Its filters are `plain`, text with nothing unseen in it; `sentence`, whose backticks enclose
    code; and `data`, JSON in which no tag can end.

    Args:
        package: that has the templates.
        finalize: what becomes of each value before it is escaped.
    """
    import jinja2

    made = jinja2.Environment(
        autoescape=True,
        loader=jinja2.PackageLoader(package),
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "sentence": _sentence,
        "plain": lambda text: printable(str(text)),
        "data": _data,
    }
    return made


def parts(folder: str, names: Sequence[str], ending: str) -> str:
    """Files of one script or style sheet, which make one file of the page."""
    here = resources.files(__package__).joinpath(folder)
    return "\n".join(here.joinpath(f"{name}.{ending}").read_text("utf-8") for name in names)


def _sentence(text: str) -> Markup:
    from markupsafe import Markup, escape

    return Markup(
        prose.marked(
            text,
            lambda part: str(escape(printable(part))),
            lambda part: f"<code>{escape(printable(part))}</code>",
        )
    )


def _data(value: Any) -> Markup:
    from markupsafe import Markup

    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))
