"""Does my-method keep the contract of a method, and does it denoise?"""

from pathlib import Path

import bench
from bench.testing import check_method

FILE = Path(__file__).with_name("my_method.py")


def test_my_method_keeps_the_contract():
    check_method(FILE)


def test_my_method_is_better_than_doing_nothing(tmp_path):
    run = bench.run(
        dataset="digits",  # embedded: needs no download
        methods=["identity", "my-method"],
        plugins=[FILE],
        noise=0.3,
        limit=50,
        preset="quick",
        out=tmp_path,
    )
    psnr = run.records().groupby("method")["psnr"].mean()
    assert psnr["my-method"] > psnr["identity"] + 1
