"""Does my-noise keep the contract of a noise, and can a run be made with it?"""

from pathlib import Path

import bench
from bench.testing import check_noise

FILE = Path(__file__).with_name("my_noise.py")


def test_my_noise_keeps_the_contract():
    check_noise(FILE)


def test_a_run_with_my_noise(tmp_path):
    run = bench.run(
        dataset="digits",  # embedded: needs no download
        methods=["identity", "gaussian"],
        plugins=[FILE],
        noise="my-noise:0.2,0.4",
        limit=20,
        preset="quick",
        out=tmp_path,
    )
    cells = run.cells()
    assert list(cells.status) == ["done"] * 4
    assert set(cells.noise) == {"my-noise"}
