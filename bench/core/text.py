"""Text in one line, in Markdown, as tables name noises and levels, and as parameters are typed."""

from __future__ import annotations

import ast
import math
import re
from typing import Any


def typed_value(text: str) -> Any:
    """What a parameter's text means: a number, a truth value, none, or else the text itself.

    Quotes, as in Python, make a text of anything.

    >>> [typed_value(text) for text in ("0.3", "false", "none", "weights.pt", '"0.3"')]
    [0.3, False, None, 'weights.pt', '0.3']
    """
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, (int, float, str)) else text


def typed_text(value: object) -> str:
    """How a value is typed between a method's brackets; in quotes, where it would mean another.

    >>> print(typed_text(0.3), typed_text("weights.pt"), typed_text("0.3"), typed_text("a,b].pt"))
    0.3 weights.pt "0.3" "a,b].pt"
    """
    text = str(value)
    plain = text and typed_value(text) == text == printable(text) and not _QUOTABLE.search(text)
    if plain or not isinstance(value, str):
        return text
    return f'"{_ESCAPED.sub(_escaped, text)}"'


#: What has a meaning of its own between brackets.
_QUOTABLE = re.compile(r"""[\[\],|"']|\dx?\s*\.\.""")
#: What is not itself between quotes: of blanks in a row, for labels, the first one is.
_ESCAPED = re.compile(r"""["\\]|(?<= ) |[^ -~]""")


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character in '"\\':
        return f"\\{character}"
    if character == " ":
        return "\\x20"
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()


def counted(number: int, noun: str) -> str:
    """So many of something.

    >>> counted(1, "cell"), counted(10_000, "test image")
    ('1 cell', '10,000 test images')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def noise_name(kind: str, clip: bool) -> str:
    """A noise as tables name it.

    >>> noise_name("gaussian", clip=True)
    'gaussian, clipped'
    """
    return printable(f"{kind}, clipped" if clip else kind)


def noise_text(name: str, level: float, lowest: float | None = None) -> str:
    """A noise's name and level, or range of levels, as tables show them.

    >>> noise_text("gaussian", 0.3)
    'gaussian 0.3'
    >>> noise_text("gaussian", 0.5, lowest=0.1)
    'gaussian 0.1 to 0.5'
    >>> noise_text("given", 0)  # which nobody states
    'given'
    """
    if not level:
        return name
    text = level_text(level)
    return f"{name} {text}" if lowest is None else f"{name} {level_text(lowest)} to {text}"


def shown(value: object) -> str:
    """A value that was given, in one short line, for an error that says what is taken instead.

    >>> shown("a"), shown(range(3)), shown("b" * 100)[-9:]
    ("'a'", 'range(0, 3)', 'bbbbbb...')
    """
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"an array of shape {shape}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # it may be anything
        text = f"a {type(value).__name__}"
    return printable(text if len(text) <= 60 else f"{text[:57]}...")


def level_text(level: float) -> str:
    """A level as tables show it: short, and over 255 where the field would write it so.

    >>> level_text(0.3), level_text(25 / 255)
    ('0.3', '25/255')
    """
    short = f"{level:g}"
    steps = round(level * 255)
    if len(short) > 6 and steps > 0 and math.isclose(level, steps / 255, rel_tol=1e-9):
        return f"{steps}/255"
    return short


def significant(value: float) -> str:
    """A size with three significant digits.

    >>> [significant(value) for value in (65_216_333, 1234.5, 99.95, 1.2345, 0.012345, 0)]
    ['65,200,000', '1,230', '100', '1.23', '0.0123', '0']
    """
    if not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.3g}")
    digits = math.floor(math.log10(abs(rounded))) if rounded else 2
    return f"{rounded:,.{max(0, 2 - digits)}f}"


def prefixed(value: float) -> str:
    """A large number with three significant digits and a prefix of the SI.

    >>> [prefixed(value) for value in (434_423_808, 18_991_616_000, 651_200, 999_999, 12, 3e18)]
    ['434 M', '19.0 G', '651 k', '1.00 M', '12.0', '3,000,000 T']
    """
    rounded = float(f"{value:.3g}")
    for size, prefix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(rounded) >= size:
            return significant(rounded / size) + prefix
    return significant(rounded)


def speed_text(images_per_second: float, unit: str = "") -> str:
    """A speed; of a method that takes over a second an image, how long it takes.

    >>> speed_text(1234.5, " images/s"), speed_text(0.43)
    ('1,230 images/s', '2.33 s an image')
    """
    if images_per_second < 1:
        return f"{significant(1 / images_per_second)} s an image" if images_per_second else "–"
    return significant(images_per_second) + unit


def duration_text(seconds: float) -> str:
    """A time with three significant digits, in a unit of its size.

    >>> [duration_text(time) for time in (0.0004, 7.3, 0.0123, 2e-5, 3e-8, 90.0, 7300)]
    ['0.400 ms', '7.30 s', '12.3 ms', '20.0 µs', '< 1 µs', '90.0 s', '2.03 h']
    """
    if seconds < 1e-6:
        return "< 1 µs"
    rounded = float(f"{seconds:.3g}")
    units = ((7200, 3600, "h"), (600, 60, "min"), (1, 1, "s"), (1e-4, 1e-3, "ms"))
    size, unit = next(
        ((size, unit) for least, size, unit in units if rounded >= least), (1e-6, "µs")
    )
    return f"{significant(rounded / size)} {unit}"


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(0.4), duration(42), duration(185), duration(7800)
    ('0 s', '42 s', '3 min 05 s', '2 h 10 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def visible(text: str) -> str:
    """Text from outside in its lines; what cannot be seen, or written, shows as its code.

    Control characters, such as those that begin a terminal's escape codes, those that turn the
    direction of writing, lone surrogates of file names that are not UTF-8, ...

    >>> print(visible("two\\nlines \\x1b[2J"))
    two
    lines \\x1b[2J
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character == "\n" or character.isprintable():
        return character
    return " " if character.isspace() else character.encode("unicode_escape").decode()


def printable(text: str) -> str:
    """Text from outside in one line, with its blanks as one; else as `visible` shows it.

    >>> printable("two\\nlines \\x07")
    'two lines \\\\x07'
    """
    return " ".join(visible(text).split())


def markdown_text(text: str) -> str:
    """Text from outside, so that Markdown shows it as it is and a table keeps its columns.

    >>> print(markdown_text("a|b *c*"))
    a\\|b \\*c\\*
    """
    text = printable(text)
    for character in "\\`*_|<>&~$":  # & begins an entity, ~~ strikes through, $ is mathematics
        text = text.replace(character, f"\\{character}")
    text = text.replace("](", "]\\(")  # no links
    # Where GitHub links without being asked: people, issues, addresses. No escape keeps it from
    # that, but a space of no width does.
    return re.sub(r"@|#(?=\d)|:(?=//)|\bwww(?=\.)", r"\g<0>&#8203;", text, flags=re.IGNORECASE)


def markdown_code(text: str) -> str:
    """Text from outside as code, whatever backticks it holds; not for tables.

    >>> markdown_code("median[size=5]")
    '`median[size=5]`'
    """
    text = printable(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    room = " " if len(fence) > 1 or not text else ""
    return f"{fence}{room}{text}{room}{fence}"
