"""What a terminal shows of a run, rendered as the terminal would."""

import io
import os

import numpy as np
import pytest
import rich.console

from bench.cli import console
from bench.cli.console import Console, running_line, time_left
from bench.core import DEFAULT_SCALES, Cell, Progress, Record, Scale, TrainNoise, duration
from bench.execution.progress import Overview
from bench.noises import make_noise
from bench.store.manifest import Machine
from bench.store.progress import RunningCell


def test_durations():
    assert [duration(seconds) for seconds in (0.4, 42, 185, 7800)] == [
        "0 s", "42 s", "3 min 05 s", "2 h 10 min",
    ]  # fmt: skip


def running(**values):
    known = {
        "cell": "vae[latent=10] at gaussian 0.3 seed 0", "phase": "fit", "done": 3.42, "of": 30,
        "unit": "epochs", "loss": 52.1, "seconds": 45.0, "seconds_left": 130.0,
    }  # fmt: skip
    return RunningCell(**{**known, **values})


def test_a_running_cell_is_a_line_that_fits():
    whole = (
        "vae[latent=10] at gaussian 0.3 seed 0: training, 3.4/30 epochs, loss 52.10, for 45 s, "
        "2 min 10 s left"
    )
    assert running_line(running()) == running_line(running(), 120) == whole
    without_loss = whole.replace(", loss 52.10", "")
    assert running_line(running(), len(whole) - 1) == without_loss
    short = "vae[latent=10] at gaussian 0.3 seed 0: training, 3.4/30 epochs, for 45 s"
    assert running_line(running(), 80) == short
    assert (
        running_line(running(), 60)
        == "vae[latent=10] at gaussi…: training, 3.4/30 epochs, for 45 s"
    )
    for width in range(10, 130):
        assert len(running_line(running(), width)) <= width


def test_what_is_not_known_is_not_said():
    starting = running(phase="start", done=0, of=0, unit="", loss=None, seconds_left=None)
    assert running_line(starting).endswith("seed 0: starting, for 45 s")
    assert running_line(running(done=3.0)).count("3/30 epochs") == 1


class Run:
    """As much of a run as a console asks for."""

    path = "results/toy"

    class manifest:  # noqa: N801
        class dataset:  # noqa: N801
            note, name = "", "toy"

            class sizes:  # noqa: N801
                test = 100

        class settings:  # noqa: N801
            limit, split = None, "test"

        scales = DEFAULT_SCALES
        machine = Machine(os="", cpu="", cores=4, load=0.3, memory_bytes=None, gpu=None)


def cells(methods="a", noises=1):
    return [
        Cell(
            "toy", "f00d", method, "{}", "{}", "c0de", TrainNoise("matched", noise), noise, 0,
            '{"epochs":30}', limit=None, tune=0, quantize=False,
        )
        for noise in (make_noise("gaussian", (n + 1) / 10) for n in range(noises))
        for method in methods
    ]  # fmt: skip


@pytest.fixture
def terminal(monkeypatch):
    """A console that draws on a terminal of some width; and what is on the screen."""

    def make(planned, width):
        class Screen(rich.console.Console):
            def __init__(self, **_):
                super().__init__(
                    file=io.StringIO(), force_terminal=True, width=width, height=24, _environ={}
                )

        monkeypatch.setattr(rich.console, "Console", Screen)
        monkeypatch.setattr(console, "_LOOK", 0.0)
        monkeypatch.setattr(console.sys, "stderr", Tty())
        shown, now = Console(), [0.0]
        overview = Overview(planned, planned, clock=lambda: now[0])
        shown.started(Run, overview)
        return shown, overview, now

    return make


class Tty(io.StringIO):
    def isatty(self):
        return True


def drawn(shown):
    """The lines that are drawn over and over, as text."""
    screen = rich.console.Console()
    with screen.capture() as captured:
        screen.print(shown._live.renderable)
    return rich.text.Text.from_ansi(captured.get()).plain.rstrip().splitlines()


@pytest.mark.parametrize("width", [40, 80, 120])
def test_bars_and_results_fit_the_terminal(terminal, width):
    planned = cells(["vae[latent=10]", "dae"], noises=2)
    shown, overview, now = terminal(planned, width)
    try:
        for cell in planned[:2]:
            shown.progress(overview.progress(Progress(cell, "fit", 0, 30, "epochs")))
        now[0] = 20.0
        for cell in planned[:2]:
            shown.progress(overview.progress(Progress(cell, "fit", 3.4, 30, "epochs", 52.1)))
        lines = drawn(shown)
        assert len(lines) == 3
        assert max(map(len, lines)) <= width
        assert "0/4 cells" in lines[0]
        assert time_left(overview.as_of_now())[:20] in lines[0] or width == 40
        assert [line.split(" at ")[0].strip() for line in lines[1:]] == ["vae[latent=10]", "dae"]
        assert all("training, 3.4/30" in line for line in lines[1:]) or width == 40
        record = Record(planned[0], "failed", reason="it cannot " + "be told why " * 12)
        overview.recorded(record)
        shown.recorded(record)
        written = rich.text.Text.from_ansi(shown._live.console.file.getvalue()).plain
        words = [word for line in written.splitlines() for word in line.split()]
        assert words.count("why") == 12  # no word is broken in two
        assert max(map(len, written.splitlines())) <= width
        assert "0/4 cells" not in drawn(shown)[0]
    finally:
        shown.__exit__()


@pytest.mark.parametrize(("load", "said"), [(None, False), (1.9, False), (2.1, True)])
def test_the_first_line_says_when_the_machine_is_busy(monkeypatch, capsys, load, said):
    monkeypatch.setattr(
        Run.manifest, "machine", Run.manifest.machine.model_copy(update={"load": load})
    )
    planned = cells()
    Console().started(Run, Overview(planned, planned))
    line = capsys.readouterr().err.rstrip()
    assert line.startswith("toy: 100 test images, 1 cell -> results/toy")
    assert ("the machine is busy (load 2.1 on 4 cores)" in line) == said


@pytest.mark.parametrize(
    ("label", "scale", "line"),
    [
        ("upsnr", Scale("uPSNR", "dB", "higher", 2), "uPSNR 23.59 dB"),
        ("umse", Scale("uMSE", "", "lower", 5), "uMSE 23.59000"),
        ("psnr", Scale("PSNR", "dB", "higher", 2), "23.59 dB"),
    ],
)
def test_a_finished_cell_has_its_metric_as_tables_have_it(label, scale, line):
    record = Record(cells()[0], "done", images={"image": np.arange(2), label: np.full(2, 23.59)})
    assert console._outcome(record, {label: scale}) == line


def test_an_error_breaks_between_words(monkeypatch):
    monkeypatch.setattr(console.sys, "stderr", Tty())
    monkeypatch.setattr(Tty, "fileno", lambda self: 2)
    monkeypatch.setattr(console.os, "get_terminal_size", lambda _: os.terminal_size((80, 24)))
    text = "interrupted; finished cells are safe, and the same command goes on from there " * 3
    lines = console.by_words(text).splitlines()
    assert " ".join(lines) == text.strip()
    assert max(map(len, lines)) <= 80


def test_it_shows_what_status_reads(terminal, tmp_path):
    planned = cells(["vae", "dae"])
    shown, overview, now = terminal(planned, 80)
    try:
        shown.progress(overview.progress(Progress(planned[0], "fit", 0, 30, "epochs")))
        now[0] = 20.0
        shown.progress(overview.progress(Progress(planned[0], "fit", 6, 30, "epochs")))
        written = type(overview.as_of_now()).model_validate_json(str(overview.as_of_now()))
        first, second = drawn(shown)
        assert first.endswith(time_left(written))
        assert second.strip() == running_line(written.running[0], 78)
    finally:
        shown.__exit__()


def test_more_cells_than_lines_do_not_scroll_the_screen(terminal):
    planned = cells([f"m{number}" for number in range(60)])
    shown, overview, _ = terminal(planned, 80)
    try:
        for cell in planned:
            shown.progress(overview.progress(Progress(cell, "start", 0, 0, "")))
        assert len(drawn(shown)) < 24
    finally:
        shown.__exit__()
