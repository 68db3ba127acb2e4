"""What the gate says of a run, the exit code that follows, and how it is printed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from bench.core import markdown_text, noise_text, printable

#: Exit code -> meaning; of several that apply the earliest here is taken.
EXIT_CODES = {
    1: "regressed",
    4: "nothing was measured, or a threshold matched nothing or was made from another sort of run",
    3: "some cells failed or have no result",
    0: "held",
}

_Word = Literal["regressed", "unmatched", "refused", "failed", "undecided", "improved", "held"]
_ORDER = get_args(_Word)
_FINE = ("improved", "held")
_DECIMALS = {"psnr": 3, "ssim": 4, "mse": 6, "parameters": 0}
# Number of comparisons that agree in every image from which they share one line.
_FOLDED_FROM = 9
_COLUMNS = ["verdict", "what", "metric", "measured", "against", "detectable", "why"]


def number(metric: str, value: float, sign: str = "") -> str:
    """A value of a metric as it is printed; `sign` "+" for a difference."""
    decimals = _DECIMALS.get(metric.partition(",")[0])
    value += 0.0  # which makes 0 of a negative zero
    if decimals is not None:
        return f"{value:{sign},.{decimals}f}"
    return f"{value:{sign}.4g}"


@dataclass(frozen=True)
class Judgement:
    """What the gate says of one thing that it checked.

    Attributes:
        verdict: "regressed"; "unmatched", a threshold that matches nothing; "refused", one that
            was made from other images, seeds or preset; "failed", one that matches a cell without
            a result; "undecided"; "improved"; or "held".
        subject: method and noise, in words.
        metric: its name.
        value: what was measured; None where nothing was.
        against: what it is held against, in words.
        reason: why so, in words.
        about: the same for programs, such as the method, the level and the limits.
        detectable: the drop that would have been found, in words; empty where that is not known.
    """

    verdict: _Word
    subject: str
    metric: str
    value: float | None = None
    against: str = ""
    reason: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    detectable: str = ""

    @staticmethod
    def subject_of(dataset: str, label: str, noise: str, level: float) -> str:
        """How a point of a run is named."""
        return f"{label} at {noise_text(noise, level)} on {dataset}"

    def as_row(self) -> list[str]:
        """Its line in a table."""
        return [
            self.verdict if self.verdict in _FINE else self.verdict.upper(),
            self.subject,
            self.metric,
            "–" if self.value is None else number(self.metric, self.value),
            self.against,
            self.detectable,
            self.reason,
        ]


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a run: all its judgements.

    Attributes:
        run: the run's name.
        judgements: in any order.
        problems: of the run itself: a line for each cell that failed or has no result.
        notes: what else the reader must know, such as what could not be paired.
        changes: what else differs from the baseline: parameters, speeds, single images.
    """

    run: str
    judgements: Sequence[Judgement]
    problems: Sequence[str] = field(default_factory=list)
    notes: Sequence[str] = field(default_factory=list)
    changes: Sequence[str] = field(default_factory=list)

    def exit_code(self, strict: bool = False) -> int:
        """See `EXIT_CODES`.

        Args:
            strict: take what is undecided or refused for a regression.
        """
        verdicts = {judgement.verdict for judgement in self.judgements}
        if "regressed" in verdicts or (strict and verdicts & {"undecided", "refused"}):
            return 1
        if not self.judgements or verdicts & {"unmatched", "refused"}:
            return 4
        return 3 if self.problems or "failed" in verdicts else 0

    def render(self, form: str, strict: bool = False) -> str:
        """The verdict as "text", "markdown", "json" or "github" (the text, and annotations)."""
        if form == "json":
            return self._json(strict)
        if form == "github":
            # Nothing of a run's may begin a line, where GitHub would look for a command.
            text = f"bench check: {self._table('text', strict)}"
            return "\n".join([text, *self._annotations(strict)])
        return self._table(form, strict)

    def _sorted(self) -> list[Judgement]:
        return sorted(self.judgements, key=lambda judgement: _ORDER.index(judgement.verdict))

    def summary(self, strict: bool = False) -> str:
        """The outcome in one line."""
        counts = dict.fromkeys(_ORDER, 0)
        for judgement in self.judgements:
            counts[judgement.verdict] += 1
        counted = ", ".join(f"{n} {name}" for name, n in counts.items() if n)
        code = self.exit_code(strict)
        outcome = EXIT_CODES[code]
        if code == 1 and not counts["regressed"]:
            outcome = "undecided, which --strict takes for a regression"
        elif code == 4:
            outcome = "nothing was measured"
            if self.judgements:
                outcome = "a threshold matched nothing"
                if not counts["unmatched"]:
                    outcome = "refused: a threshold was made from another sort of run"
        elif code == 0 and counts["undecided"]:
            outcome = "no regression shown, and not everything could be decided"
        elif code == 0 and counts["improved"]:
            outcome = "improved"
        return f"{self.run}: {outcome} ({counted or 'nothing compared'})"

    def _table(self, form: str, strict: bool) -> str:
        import pandas as pd

        escape = markdown_text if form == "markdown" else _plain
        lines = [escape(self.summary(strict))]
        folded = [
            judgement
            for judgement in self.judgements
            if judgement.verdict == "held" and judgement.about.get("identical")
        ]
        if len(folded) < _FOLDED_FROM:
            folded = []
        shown = [judgement for judgement in self._sorted() if judgement not in folded]
        if shown:
            rows = [[escape(entry) for entry in judgement.as_row()] for judgement in shown]
            frame = pd.DataFrame(rows, columns=_COLUMNS)
            empty = [name for name in ("detectable", "why") if not frame[name].any()]
            frame = frame.drop(columns=empty)
            style = "pipe" if form == "markdown" else "simple"
            table = frame.to_markdown(index=False, tablefmt=style, disable_numparse=True)
            lines += ["", "\n".join(line.rstrip() for line in table.splitlines())]
        if folded:
            names = ", ".join(dict.fromkeys(str(judgement.about["method"]) for judgement in folded))
            held = f"{len(folded)} comparisons held: they agree in every image ({names})."
            lines += ["", escape(held)]
        sections = {"Problems": self.problems, "Changes": self.changes, "Notes": self.notes}
        for title, entries in sections.items():
            if entries:
                lines += ["", f"{title}:", *([""] if form == "markdown" else [])]
                lines += [f"- {escape(entry)}" for entry in entries]
        return "\n".join(lines)

    def _json(self, strict: bool) -> str:
        document = {
            "run": self.run,
            "summary": self.summary(strict),
            "findings": [asdict(judgement) for judgement in self._sorted()],
            "problems": list(self.problems),
            "notes": list(self.notes),
            "changes": list(self.changes),
        }
        return json.dumps(document, indent=2, allow_nan=False)  # in ASCII: it may be shown

    def _annotations(self, strict: bool) -> list[str]:
        """Workflow commands that GitHub shows beside the code and on the run's page."""
        lines = []
        for judgement in self._sorted():
            if judgement.verdict == "held":
                continue
            kind = "error"
            if judgement.verdict == "improved":
                kind = "notice"
            elif judgement.verdict == "undecided" and not strict:
                kind = "warning"
            _, subject, metric, measured, against, _, reason = judgement.as_row()
            values = f"{metric} {measured}, {against}" if against else ""
            text = ": ".join(filter(None, (values, reason)))
            lines.append(_annotation(kind, f"{judgement.verdict}: {subject}", text))
        lines += [_annotation("error", "no result", problem) for problem in self.problems]
        lines += [_annotation("notice", "note", note) for note in self.notes]
        code = self.exit_code(strict)
        if code == 4 and not self.judgements:
            lines.append(_annotation("error", "nothing compared", self.summary(strict)))
        return [*lines, _annotation("notice", "bench check", self.summary(strict))]


def _annotation(kind: str, title: str, text: str) -> str:
    """A GitHub workflow command, with its text escaped as GitHub's toolkit does it."""

    def escape(value: str, characters: str) -> str:
        for character in "%\r\n" + characters:
            value = value.replace(character, f"%{ord(character):02X}")
        return value

    return f"::{kind} title={escape(title, ':,')}::{escape(text, '')}"


def _plain(text: Any) -> str:
    return printable(str(text))
