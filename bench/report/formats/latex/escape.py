r"""Text from outside -> LaTeX that shows it as it is, whatever it holds.

What comes out compiles with pdflatex in the encodings OT1 and T1 and needs no package, so that
a table can be put into any article.
"""

from __future__ import annotations

import re
import unicodedata

from bench.core import printable

#: Signs that LaTeX writes otherwise.
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\ttfamily\char34}",
    "`": r"{\ttfamily\char96}",
    # Bench's own words, and what names of parameters may well hold.
    "–": "--",
    "—": "---",
    "−": r"\ensuremath{-}",
    "±": r"\ensuremath{\pm}",
    "×": r"\ensuremath{\times}",
    "·": r"\ensuremath{\cdot}",
    "µ": r"\ensuremath{\mu}",
    "°": r"\ensuremath{^\circ}",
    "≤": r"\ensuremath{\le}",
    "≥": r"\ensuremath{\ge}",
    "≈": r"\ensuremath{\approx}",
    "→": r"\ensuremath{\rightarrow}",
    "∞": r"\ensuremath{\infty}",
    "√": r"\ensuremath{\surd}",
    "↑": r"\ensuremath{\uparrow}",
    "↓": r"\ensuremath{\downarrow}",
    "†": r"\ensuremath{\dagger}",
    "‡": r"\ensuremath{\ddagger}",
    "§": r"\S{}",
}
for _letter in "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ":
    _name = unicodedata.name(_letter).rpartition(" ")[2].replace("LAMDA", "LAMBDA")
    _name = _name.lower() if _letter.islower() else _name.capitalize()
    SPECIAL[_letter] = rf"\ensuremath{{\{_name}}}"
#: Latin letters that LaTeX has in OT1 as well as in T1: found by compiling each.
LETTERS = frozenset(map(chr, (*range(0xC0, 0x180), *range(0x218, 0x21C)))) - frozenset(
    "ÐÞðþĄąĐđĘęĦħĮįĸĿŀŉŊŋŦŧŲųſ"
)
# Two of them would become one sign: a dash, a quotation mark.
_JOINED = re.compile(r"(?<=([-,'!?]))(?=\1)")


def escape(text: str) -> str:
    """Text from outside; signs that pdflatex does not know show as their number, `[U+4E2D]`."""
    composed = unicodedata.normalize("NFC", printable(text))  # macOS writes é as e and an accent
    return "".join(map(_sign, _JOINED.sub("\0", composed)))


def _sign(character: str) -> str:
    if character == "\0":
        return "{}"
    if character in SPECIAL:
        return SPECIAL[character]
    if character.isascii() or character in LETTERS:
        return character
    plain = unicodedata.normalize("NFKC", character)
    if plain != character and plain.isascii():  # ligatures, wide letters, raised digits
        return "".join(map(_sign, plain))
    return f"[U+{ord(character):04X}]"


def code(text: str) -> str:
    """Text from outside as code, that may be broken after a comma or a slash; needs textcomp."""
    shown = re.sub(r"([,/;])(?! |$)", r"\1\\allowbreak{}", escape(text))
    shown = shown.replace("'", r"\textquotesingle{}")  # which a shell takes when it is copied
    return rf"\texttt{{{shown}}}"


def comment(text: str) -> str:
    """Text from outside in one line, after a `%`; nothing ends a comment but the line's end."""
    return f"% {printable(text)}"
