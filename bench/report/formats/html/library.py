"""plotly.js, which draws the page's charts: kept and put into the page compressed.

The page's script unpacks it when the page is there already. As it stands in the security policy by
its digest, the browser runs these very bytes and no others. The folder `plotly` says where it is
from.
"""

from __future__ import annotations

import base64
import gzip
from importlib import resources

VERSION = "4.1.1"
#: Of the script, as it is published.
SHA256 = "79542150855a52c567260e3137095dbe2b744e6d702a5cabe67da246942fba7a"


def packed() -> str:
    """The script compressed by gzip, in base64, as the page's `unpacked()` takes it."""
    return base64.b64encode(_file()).decode()


def script() -> str:
    """The script as the browser runs it."""
    return gzip.decompress(_file()).decode()


def _file() -> bytes:
    folder = resources.files(__package__).joinpath("plotly")
    return folder.joinpath("plotly-cartesian.min.js.gz").read_bytes()
