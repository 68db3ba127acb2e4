"""The bar of a notebook: drawn in its place, not too often, and with what went wrong."""

import pytest

import bench
from bench.notebook import NotebookProgress


class Output:
    """What the notebook would show."""

    def __init__(self):
        self.shown, self.drawn = [], []

    def __call__(self, html):
        self.shown.append(html)
        return self.drawn.append


@pytest.fixture
def output():
    return Output()


def run(output, tmp_path, **values):
    given = {"noise": [0.1, 0.3], "limit": 3, "out": tmp_path / "results", **values}
    return bench.run("digits", listener=NotebookProgress(output), **given)


def test_it_begins_with_no_cell_and_ends_with_all(output, tmp_path):
    made = run(output, tmp_path, methods="identity,median")
    assert len(output.shown) == 1
    assert '<progress value="0" max="4"' in output.shown[0] + "".join(output.drawn[:1])
    assert '<progress value="4" max="4"' in output.drawn[-1]
    assert "4 of 4 cells in " in output.drawn[-1]
    assert str(made.path) in output.drawn[-1]


def test_failures_are_shown_once_each_as_text(plugins, output, tmp_path):
    plugins("bad", "import bench\n@bench.method()\ndef bad(noisy):\n    raise ValueError('<b>')")
    run(output, tmp_path, methods="identity,bad")
    assert "bad: failed: ValueError: &lt;b&gt;" in output.drawn[-1]
    assert "(2 times)" in output.drawn[-1]
    assert "<b>" not in output.drawn[-1]


def test_a_run_that_is_finished_says_so_at_once(output, tmp_path):
    run(output, tmp_path, methods="identity")
    again = Output()
    run(again, tmp_path, methods="identity")
    assert '<progress value="2" max="2"' in again.shown[0]
