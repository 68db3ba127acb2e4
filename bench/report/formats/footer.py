"""How the numbers of a report were made: the end of its page in Markdown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench.core import markdown_code, markdown_text
from bench.report.content import prose

if TYPE_CHECKING:
    from bench.report.content.section import Section


def footer(section: Section) -> str:
    """How each run was made."""
    several = len(section.runs) > 1
    protocol = markdown_text(str(section.runs[0].manifest["protocol"]))
    parts = ["## How these numbers were made", f"Protocol version {protocol}."]
    for run in section.runs:
        parts += [f"### {markdown_text(run.name)}"] if several else []
        parts.append(_made(run.manifest))
    return "\n\n".join(parts)


def _made(manifest: dict[str, Any]) -> str:
    lines = [f"- Command: {markdown_code(manifest['command'])}"]
    lines += [f"- {name} {prose.in_markdown(text)}" for name, text in prose.made(manifest)]
    lines += [
        f"- {markdown_text(name)}: {markdown_text(text)}"
        for name, text in manifest["conventions"].items()
    ]
    # Within the fence nothing is escaped: JSON holds text in one line that begins with a quote,
    # so none of it ends the fence.
    settings = json.dumps(manifest["settings"], indent=2)
    return (
        "\n".join(lines)
        + f"\n\n<details><summary>All settings</summary>\n\n```json\n{settings}\n```\n\n</details>"
    )
