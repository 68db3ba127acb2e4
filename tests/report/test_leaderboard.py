"""The leaderboard: who is ranked over what, how long an image takes on which device."""

import dataclasses

import pytest
from toy import Run, records, section

from bench.core import DEFAULT_SCALES, duration_text
from bench.report.content.leaderboard import Leaderboard
from bench.report.content.options import Options
from bench.report.content.section import Section

THREE = {
    "0.1": {"identity": 10, "nlm": 21.0, "median": 20.0},
    "0.3": {"identity": 5, "nlm": 17.0, "median": 18.0, "dncnn": 25.0},
    "0.5": {"identity": 1, "nlm": 15.0, "median": 14.0},
}


def ranks(board):
    return [(row.label, row.rank_text) for row in board.rows]


def test_what_was_measured_under_one_noise_of_three_does_not_lead():
    board = Leaderboard.of(section(**THREE))
    assert ranks(board) == [
        ("nlm", "1.3"), ("median", "1.7"), ("identity", "3"), ("dncnn", "(1 of 3)")
    ]  # fmt: skip
    assert board.rows[-1].rank is None
    assert board.shared == [("gaussian", 0.1), ("gaussian", 0.3), ("gaussian", 0.5)]
    assert board.note.startswith("Bold: the best; ‡: the highest, of fewer than four trainings; ")
    assert (
        "Ranks are of 3 methods by PSNR, the mean over 3 noises under which all of these were "
        "measured. In brackets why there is no rank: 1 of 3, measured under so many of these "
        "noises."
    ) in board.note


def test_a_noise_that_two_of_many_have_does_not_take_the_others_ranks():
    few = {"0.5": {"identity": 1, "bm3d": 15.0}}
    most = {"identity": 5, "bm3d": 19.0, "nlm": 17.0, "median": 16.0, "tv": 15.0}
    board = Leaderboard.of(section(**{"0.1": most, "0.3": most}, **few))
    assert [row.label for row in board.rows if row.rank] == [
        "bm3d", "nlm", "median", "tv", "identity"
    ]  # fmt: skip
    assert "(gaussian 0.1 and gaussian 0.3)" in board.ranks_note


def test_of_methods_that_share_one_noise_all_are_ranked_at_it():
    board = Leaderboard.of(
        section(**{"0.1": {"nlm": 20.0}, "0.3": {"nlm": 18.0, "vae": 19.0, "dae": 17.0}})
    )
    assert ranks(board) == [("vae", "1"), ("nlm", "2"), ("dae", "3")]
    assert "by PSNR at gaussian 0.3, which all of these share." in board.ranks_note


def test_what_has_seen_the_images_or_is_over_the_budget_says_so():
    times = dict.fromkeys(("identity", "nlm"), (0.1, "cpu"))
    made = section(times, **{"0.1": {"identity": 10, "nlm": 20.0, "leaky": 25.0, "tv": 19.0}})
    assert ranks(Leaderboard.of(made))[-1] == ("leaky", "(seen)")
    costs = made.cells["method"].map({"identity": 1.0, "nlm": 2.0, "leaky": 1.0, "tv": 90.0})
    made = dataclasses.replace(made, cells=made.cells.assign(milliseconds_per_megapixel=costs))
    board = Leaderboard.of(made, Options(budget="5 ms/MP"))
    assert ranks(board) == [
        ("nlm", "1"), ("identity", "2"), ("tv", "(over budget)"), ("leaky", "(seen)")
    ]  # fmt: skip
    assert "2 methods within 5 ms/MP by PSNR" in board.note


def test_what_has_no_result_stands_below_with_the_reason():
    made = section(**{"0.1": {"identity": 10, "nlm": 20.0, "bm3d": 25.0}})
    last = made.cells["label"] == "bm3d"
    cells = made.cells.assign(status=made.cells["status"].where(~last, "failed"))
    summary = made.summary[made.summary["label"] != "bm3d"]
    pairs = made.pairs[(made.pairs["a"] != "bm3d") & (made.pairs["b"] != "bm3d")]
    board = Leaderboard.of(dataclasses.replace(made, cells=cells, summary=summary, pairs=pairs))
    assert ranks(board) == [("nlm", "1"), ("identity", "2"), ("bm3d", "(failed)")]
    none = dataclasses.replace(
        made, cells=cells.assign(status="skipped"), summary=summary[:0], pairs=pairs[:0]
    )
    assert {row.reason for row in Leaderboard.of(none).rows} == {"skipped"}


def test_noises_rise_within_their_kind_or_are_as_columns_say():
    levels = {"poisson 5": 8.0, "0.5": 5.0, "poisson 2": 9.0, "0.1": 7.0}
    made = section(**{noise: {"identity": 1.0, "nlm": psnr} for noise, psnr in levels.items()})
    assert Leaderboard.of(made).columns == [
        ("poisson", 2.0), ("poisson", 5.0), ("gaussian", 0.1), ("gaussian", 0.5)
    ]  # fmt: skip
    (asked,) = Options(columns="gaussian:0.5,0.1;poisson").select([made])
    board = Leaderboard.of(asked)
    assert board.columns == [
        ("gaussian", 0.5), ("gaussian", 0.1), ("poisson", 2.0), ("poisson", 5.0)
    ]  # fmt: skip
    (row,) = [row for row in board.rows if row.label == "nlm"]
    assert [float(board.text(row, "psnr", column)) for column in board.columns] == [5, 7, 9, 8]


def test_times_of_two_devices_are_marked():
    times = {"identity": (1e-8, "cpu"), "nlm": (7.3, "cpu"), "dncnn": (0.0004, "cuda")}
    methods = {"identity": 10, "nlm": 20.0, "dncnn": 22.0, "tv": 19.0}
    board = Leaderboard.of(section(times, **{"0.1": methods}))
    shown = {row.label: (row.time, row.device) for row in board.rows}
    assert shown == {
        "identity": ("< 1 µs", "CPU"),
        "nlm": ("7.30 s", "CPU"),
        "dncnn": ("0.400 ms", "GPU"),
        "tv": ("–", "–"),
    }
    assert "CPU: 1 thread of Some CPU. GPU: Some GPU." in board.note
    assert "~" not in board.note


def test_means_that_are_small_keep_their_digits():
    made = records({"0.1": {"identity": 10, "nlm": 20.0}})
    made["mse"] = made["method"].map({"identity": 0.01, "nlm": 0.00000834})
    scales = {"mse": DEFAULT_SCALES["mse"]}
    board = Leaderboard.of(Section.of(Run(made, scales=scales)), Options(metrics=["mse"]))
    column = ("gaussian", 0.1)
    assert [board.text(row, "mse", column) for row in board.rows] == ["0.00000834", "0.01000000"]
    board = Leaderboard.of(
        Section.of(Run(made, scales=scales)), Options(metrics=["mse"], precision=3)
    )
    assert [board.text(row, "mse", column) for row in board.rows] == ["0.000", "0.010"]


def test_a_frame_holds_the_numbers():
    frame = Leaderboard.of(section(**THREE)).frame()
    assert list(frame["label"]) == ["nlm", "median", "identity", "dncnn"]
    assert frame["psnr at gaussian 0.3"].tolist() == pytest.approx([17, 18, 5, 25])
    assert frame["psnr at gaussian 0.1"].isna().tolist() == [False, False, False, True]
    assert frame["unranked"].tolist() == ["", "", "", "1 of 3"]


def test_durations_are_never_nothing():
    assert [duration_text(seconds) for seconds in (1e-12, 9.996e-5, 0.9999, 59.99, 1e5)] == [
        "< 1 µs", "0.100 ms", "1.00 s", "60.0 s", "27.8 h"
    ]  # fmt: skip
