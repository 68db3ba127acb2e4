"""Quality against what an image costs: which costs are shown, of which cells, and the front."""

from dataclasses import replace

import pytest

import bench
from bench.report.content.cost_points import CostPoint, cost_axes, cost_points, pareto
from bench.report.content.section import by_dataset
from bench.report.figures.speed import speed
from bench.report.formats.html.charts import charts
from bench.report.formats.html.traces import Styles


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    run = bench.run(
        "digits",
        methods=["identity", "median", "gaussian"],
        noise="0.1,0.3",
        limit=12,
        tune=False,
        out=tmp_path_factory.mktemp("results"),
    )
    (section,) = by_dataset([run])
    return section


def costing(section, **columns):
    """The section with other costs in its cells."""
    return replace(section, cells=section.cells.assign(**columns))


def chart(section):
    shown = charts(section, Styles(section.labels), ["psnr"])
    return next(chart for chart in shown if chart.title == "Quality against speed")


def test_a_point_is_a_methods_cost_and_mean_and_the_noisy_image_has_none(section):
    (axis,) = cost_axes(section)
    points = cost_points(section, axis, "psnr")
    assert list(points) == [("gaussian", 0.1), ("gaussian", 0.3)]
    records = section.runs[0].records()
    for (_, level), methods in points.items():
        assert [point.label for point in methods] == ["median", "gaussian"]
        for point in methods:
            cells, part = (
                frame[(frame["method"] == point.label) & (frame["level"] == level)]
                for frame in (section.cells, records)
            )
            assert point.cost == cells["milliseconds_per_megapixel"].item() > 0
            assert point.quality == pytest.approx(part["psnr"].mean())


def test_costs_are_shown_that_are_known_of_all_methods(section):
    counted = [None, 2e9, 3e9] * 2  # the noisy image itself is not shown
    every = costing(section, multiply_adds=counted)
    assert [axis.name for axis in cost_axes(every)] == ["time of one image", "multiply-adds"]
    assert [point.cost for point in cost_points(every, cost_axes(every)[1], "psnr")[
        "gaussian", 0.3
    ]] == [2e9, 3e9]  # fmt: skip
    assert list(chart(every).figures) == [
        "gaussian 0.1", "gaussian 0.3",
        "gaussian 0.1, by multiply-adds", "gaussian 0.3, by multiply-adds",
    ]  # fmt: skip
    some = costing(section, multiply_adds=[None, 2e9, None] * 2)
    assert [axis.name for axis in cost_axes(some)] == ["time of one image"]


def test_older_runs_are_shown_by_the_time_in_batches(section):
    older = costing(section, milliseconds_per_megapixel=None, images_per_second=50.0)
    (axis,) = cost_axes(older)
    assert axis.name == "time in batches"
    assert {p.cost for points in cost_points(older, axis, "psnr").values() for p in points} == {20}
    ((figure, canvas),) = speed(older)
    assert "in denoise calls with batches" in figure.caption
    assert canvas.axes[-1].get_xlabel() == "ms an image, in batches"
    unknown = costing(section, milliseconds_per_megapixel=None, images_per_second=None)
    assert (cost_axes(unknown), speed(unknown)) == ([], [])


POINTS = {
    "cheap": (1.0, 20.0),
    "as cheap, worse": (1.0, 19.0),
    "between": (2.0, 25.0),
    "as good, dearer": (3.0, 25.0),
    "beaten": (5.0, 24.0),
    "dear and best": (9.0, 30.0),
}


def test_the_pareto_front_holds_what_nothing_beats_in_both():
    points = [CostPoint(label, *values) for label, values in POINTS.items()]
    assert [point.label for point in pareto(points)] == ["cheap", "between", "dear and best"]
    assert pareto([]) == []
    errors = [replace(point, quality=-point.quality) for point in points]
    front = pareto(errors, higher=False)
    assert [point.label for point in front] == ["cheap", "between", "dear and best"]
