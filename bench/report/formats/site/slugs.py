"""What pages are called: names from outside become file names that mean nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from bench.core import digest

#: Bytes of a name, at most.
_LONGEST = 60
#: Names that Windows has devices by.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def slugs(texts: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Text -> its name, of a to z, digits, hyphens and single full stops between them.

    Of texts that come to one name the one that is that name keeps it, else the first by order; the
    others bear a digest. So a name is the same whatever order the texts are in.

    Args:
        texts: of one folder.
        taken: names that other pages of it have.

    >>> names = slugs(["BM3D", "bm3d", "gaussian 0.1", "../../etc", "名前"])
    >>> [names[text] for text in ("bm3d", "gaussian 0.1", "../../etc")]
    ['bm3d', 'gaussian-0.1', 'etc']
    >>> names["BM3D"].startswith("bm3d-"), names["名前"].startswith("x-")
    (True, True)
    """
    named: dict[str, str] = {}
    used = set(taken)
    for text in sorted(set(texts), key=lambda text: (_plain(text) != text, text)):
        slug = _plain(text)
        if not slug or slug in used or _DEVICES.fullmatch(slug):
            slug = f"{slug.split('.')[0] or 'x'}-{digest(text.encode('utf-8', 'replace').hex())}"
        used.add(slug)
        named[text] = slug
    return named


def _plain(text: str) -> str:
    slug = re.sub(r"[^a-z0-9.]+", "-", text.lower())
    slug = re.sub(r"\.{2,}|-*\.-+|-+\.-*", "-", slug)
    return slug.strip("-.")[:_LONGEST].strip("-.")
