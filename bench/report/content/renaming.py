"""What methods are called in a report or a figure, where it is not by their labels."""

from __future__ import annotations

from bench.core import UsageError, printable


def parse_labels(text: str) -> dict[str, str]:
    """Names as typed: `vae=VAE,nlm[h=0.8]=NLM`.

    >>> parse_labels("vae=VAE, nlm[h=0.8,size=5]=NLM")
    {'vae': 'VAE', 'nlm[h=0.8,size=5]': 'NLM'}

    Raises:
        UsageError: a part is no pair, or a method has two names, or a name two methods.
    """
    from bench.planning.notation import cut

    named: dict[str, str] = {}
    for part in (part.strip() for part in cut(text, ",")):
        if not part:
            continue
        label, *rest = cut(part, "=")
        name = "=".join(rest).strip()
        if not (label.strip() and name):
            raise UsageError(
                f"--label {printable(part)!r} is not understood: write vae=VAE,nlm=NLM"
            )
        if label.strip() in named:
            raise UsageError(f"--label names {label.strip()!r} twice: give one name")
        if name in named.values():
            raise UsageError(f"--label calls two methods {name!r}: give each a name of its own")
        named[label.strip()] = name
    return named
