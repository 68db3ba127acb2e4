"""Findings: each sentence is checked against the data that it was made of."""

import dataclasses
import re

import numpy as np
import pytest
from toy import Run, section

import bench
from bench import analysis
from bench.core import DEFAULT_SCALES
from bench.report.content.findings import findings
from bench.report.content.metrics import amount
from bench.report.content.options import Options
from bench.report.content.overall import over_data_sets, p_text
from bench.report.content.section import Section
from bench.report.content.tables import Table


def texts(made, **options):
    return [finding.text for finding in findings(made, **options)]


def test_the_questions_come_in_order_one_sentence_each():
    made = section(
        times={"nlm": (0.02, "cpu"), "vae": (0.5, "cpu"), "unet": (0.9, "cpu")},
        **{
            "0.1": {"identity": 10, "nlm": 28.0, "vae": 20.0, "unet": (28.3, 28.3, 28.3, 28.3)},
            "0.5": {"identity": 5, "nlm": 18.0, "vae": 19.0, "unet": (19.9, 19.9, 19.9, 19.9)},
        },
    )
    assert [re.match(r"[\w ]+", text)[0].strip() for text in texts(made)] == [
        "Every method is better than the noisy image itself at every noise",
        "By PSNR",
        "Networks against filters",
        "The cheapest within 2 dB of",
        "These 60 images tell a difference of 0",
    ]


def test_the_best_is_named_with_its_narrowest_lead():
    made = section(
        **{
            "0.1": {"identity": 10, "median": 20.0, "nlm": 25.0},
            "0.3": {"identity": 5, "median": 19.0, "nlm": 20.0},
        }
    )
    _, finding, *_ = findings(made)
    assert finding.text.startswith("By PSNR `nlm` is the best at every noise, 1.00 dB [")
    assert finding.text.endswith("above `median` at 0.3, where it leads by the least.")
    assert (finding.metric, finding.cell) == ("psnr", ("nlm", ("gaussian", 0.3)))
    assert finding.cell_text == "PSNR table, `nlm` at gaussian 0.3"
    pair = made.pairs[(made.pairs["metric"] == "psnr") & (made.pairs["level"] == 0.3)]
    pair = pair[(pair["a"] == "median") & (pair["b"] == "nlm")].iloc[0]
    assert amount(DEFAULT_SCALES["psnr"], 1.0, -pair["high"], -pair["low"]) in finding.text


def best(made, **options):
    (text,) = [text for text in texts(made, **options) if text.startswith("By PSNR")]
    return text


def test_what_cannot_be_told_apart_is_not_ranked():
    assert best(section(**{"0.1": {"identity": 10, "median": 20.0, "nlm": 20.005}})) == (
        "By PSNR at 0.1 `nlm` has the highest mean, and cannot be told apart from `median`."
    )


def test_a_lead_that_nobody_sees_is_no_win():
    made = section(**{"0.1": {"identity": 10, "median": 18, "nlm": 20.0, "tv": 20.049}})
    finding = findings(made)[1]
    assert re.fullmatch(
        r"By PSNR at 0\.1 `tv` and `nlm` are level, at most 0\.05 dB \[[\d., ]+\] apart\.",
        finding.text,
    )
    pair = made.pairs[(made.pairs["a"] == "nlm") & (made.pairs["b"] == "tv")].iloc[0]
    assert pair["told"] == "tv"  # the tests tell them apart
    assert " is the best at 0.1, 0.06 dB [" in best(
        section(**{"0.1": {"identity": 10, "nlm": 20.0, "tv": 20.06}})
    )


def test_winners_of_several_noises_are_one_sentence():
    made = section(
        **{
            "0.1": {"identity": 10, "nlm": 25.0, "tv": 24.0},
            "0.2": {"identity": 8, "nlm": 22.0, "tv": 21.0},
            "0.5": {"identity": 5, "nlm": 18.0, "tv": 19.0},
        }
    )
    assert re.fullmatch(
        r"By PSNR `nlm` is the best at 0\.1 and 0\.2, 1\.00 dB \[[\d., ]+\] above `tv` at 0\.[12], "
        r"where it leads by the least; `tv` is the best at 0\.5, 1\.00 dB \[[\d., ]+\] above "
        r"`nlm`\.",
        best(made),
    )


def test_what_was_trained_once_is_not_called_the_best():
    # The spread of its own seeds decides: 0.3 dB is within one, and beyond the other.
    wide = section(**{"0.1": {"identity": 10, "nlm": 20.0, "vae": (20.1, 20.5, 20.0, 20.6)}})
    assert best(wide) == (
        "By PSNR at 0.1 `vae` has the highest mean, and cannot be told apart from `nlm`."
    )
    narrow = section(**{"0.1": {"identity": 10, "nlm": 20.0, "vae": (20.3, 20.31, 20.3, 20.29)}})
    assert best(narrow).startswith("By PSNR `vae` is the best at 0.1, 0.30 dB [")
    alone = best(section(**{"0.1": {"identity": 10, "nlm": 20.0, "vae": 20.3}}))
    assert alone.startswith("By PSNR `vae` (one training) has the highest mean at 0.1, 0.30 dB [")
    assert alone.endswith("above `nlm`; how far other trainings would lie is not known.")
    second = best(section(**{"0.1": {"identity": 10, "nlm": 20.6, "vae": 20.3}}))
    assert second.startswith("By PSNR `nlm` is the best at 0.1")
    assert second.endswith("above `vae` (one training).")


def test_harm_is_named_with_where_it_turns_to_good():
    made = section(
        **{
            "0.1": {"identity": 22.0, "vae": 20.0, "nlm": 28.0},
            "0.3": {"identity": 13.0, "vae": 19.0, "nlm": 18.0},
        }
    )
    first = findings(made)[0]
    assert first.text.startswith("`vae` (one training) does harm at 0.1: it is 2.00 dB [")
    assert first.text.endswith(
        "below the noisy image itself, and at 0.3 better than it; `nlm` is better than it at "
        "every noise."
    )
    assert first.cell == ("vae", ("gaussian", 0.1))


def test_several_harmful_methods_are_one_sentence():
    methods = {"identity": 22.0, "vae": 20.0, "dae": 21.0, "nlm": 28.0}
    text = texts(section(**{"0.1": methods}))[0]
    assert re.match(
        r"2 of 3 methods do harm, `(vae|dae)` and `(vae|dae)` at 0\.1: the worst, ", text
    )
    assert "the worst, `vae` (one training), is 2.00 dB [" in text
    assert text.endswith("below the noisy image itself; `nlm` is better than it at 0.1.")


def test_of_what_cannot_be_told_from_the_noisy_image_no_help_is_claimed():
    made = section(**{"0.1": {"identity": 22.0, "tv": 22.003, "nlm": 28.0}})
    assert texts(made)[0].startswith(
        "1 of 2 methods are better than the noisy image itself at 0.1 (of `tv` that cannot be told"
    )
    none = section(**{"0.1": {"identity": 22.0, "tv": 22.003}})
    assert texts(none)[0].startswith("Of no method can it be told that it is better")


def test_what_one_noise_lacks_is_not_said_to_help_there():
    one = texts(
        section(**{"0.1": {"identity": 9, "nlm": 20.0}, "0.3": {"identity": 9, "tv": 18.0}})
    )
    assert one[0].startswith(
        "Every method is better than the noisy image itself wherever they were measured"
    )


def test_the_cheapest_that_is_nearly_as_good_is_named_with_its_device():
    times = {
        "nlm": (0.9, "cpu"),
        "tv": (0.1, "cpu"),
        "unet": (1e-4, "cuda"),
        "median": (0.01, "cpu"),
    }
    methods = {"identity": 10, "nlm": 25.0, "tv": 24.2, "unet": 24.8, "median": 20.0}
    finding = next(f for f in findings(section(times, **{"0.1": methods})) if "cheapest" in f.text)
    assert finding.text == (
        "The cheapest within 1 dB of `nlm`, which ranks first, at 0.1 is `tv`: it is 9 times as "
        "fast (0.100 s an image instead of 0.900 s, on CPU)."
    ).replace("0.100 s", "100 ms").replace("0.900 s", "900 ms")
    assert finding.cell == ("tv", ("gaussian", 0.1))
    far = section(times, **{"0.1": {"identity": 10, "nlm": 25.0, "median": 20.0}})
    assert any(text.endswith("is within 3 dB of it at 0.1.") for text in texts(far))


def test_how_sure_says_of_how_many_images_and_trainings():
    seeds = (20.0, 20.1, 20.2, 20.3)
    made = section(**{"0.1": {"identity": 10, "nlm": 28.0, "vae": seeds, "dae": 19.0}})
    last = findings(made)[-1]
    assert last.text.startswith("These 60 images tell a difference of ")
    assert (
        "; `dae` was trained once, which does not tell how another training would do" in last.text
    )
    assert last.text.endswith("spread by 0.13 dB at most (standard deviation, `vae` at 0.1).")
    assert last.cell == ("dae", ("gaussian", 0.1))


def test_what_has_seen_the_images_has_no_part_in_sentences_marks_and_ranks():
    methods = {"identity": 10, "nlm": 20.0, "median": 19.0, "leaky": 20.001}
    without = {name: mean for name, mean in methods.items() if name != "leaky"}
    leaky, fair = section(**{"0.1": methods}), section(**{"0.1": without})
    text = best(leaky)
    assert text.startswith("By PSNR `nlm` is the best at 0.1, 1.00 dB [")
    assert text.endswith("above `median`.")
    assert "leaky" not in " ".join(texts(leaky))
    assert texts(leaky)[0].startswith("Every method that has not seen the images is better")
    table = Table.of(leaky, "psnr")
    assert table.entries["leaky", ("gaussian", 0.1)].mean == pytest.approx(20.001, abs=1e-3)
    assert table.entries["leaky", ("gaussian", 0.1)].mark == ""
    assert table.winners().keys() == {"nlm"}
    assert table.ranks() == Table.of(fair, "psnr").ranks()
    assert table.ranked()[-1] == "leaky"
    assert [part.labels for part in Options().ranked([leaky, fair])] == [fair.labels] * 2
    assert Options(budget="1s/MP").ranked([leaky])[0].labels == []


def test_a_budget_names_none_that_has_seen_the_images():
    made = section(**{"0.1": {"identity": 10, "nlm": 20.0, "leaky": 21.0}})
    cells = made.cells.assign(milliseconds_per_megapixel=1.0)
    made = dataclasses.replace(made, cells=cells)
    assert (
        Options(budget="1s/MP")
        .budgeted(made)
        .startswith("Ranked within 1 s/MP: 2 of 3 methods, by mean rank `nlm` 1.0, `identity` 2.0.")
    )


def test_another_best_by_ssim_is_named():
    made = section(**{"0.1": {"identity": 10, "median": 20.0, "nlm": 28.0}})
    measured = made.runs[0].records
    records = measured.assign(
        ssim=measured["method"].map({"identity": 0.1, "median": 0.9, "nlm": 0.8})
        + np.tile(np.linspace(-0.001, 0.001, 60), 3)
    )
    made = Section.of(Run(records))
    (finding,) = [one for one in findings(made) if one.metric == "ssim"]
    assert finding.text.startswith(
        "By SSIM `median` is above `nlm`, which has the highest PSNR, at 0.1: by 0.1000 ["
    )
    assert finding.metric == "ssim"
    assert not any("SSIM" in text for text in texts(made, metrics=["psnr"]))
    assert texts(made, metrics=["ssim"])[1].startswith("By SSIM `median` is the best at 0.1")


def test_errors_are_better_when_they_are_smaller():
    measured = section(**{"0.1": {"identity": 10, "median": 20.0, "nlm": 28.0}}).runs[0].records
    made = Section.of(Run(measured.assign(mse=10 ** (-measured["psnr"] / 10))))
    help_, best_, *_ = texts(made, metrics=["mse"])
    assert help_.startswith("Every method is better than the noisy image itself at 0.1")
    assert best_.startswith("By MSE `nlm` is the best at 0.1")
    assert best_.endswith("below `median`.")


def test_nothing_is_said_of_one_image_or_one_method():
    made = section(**{"0.1": {"nlm": 20.0}})
    assert findings(made) == []
    two = section(**{"0.1": {"nlm": 2.0, "median": 1.0}}).runs[0]
    one = Section.of(Run(two.records.query("image == 0")))
    assert findings(one) == []


def test_ranks_over_data_sets_are_a_sentence_with_its_test():
    def measured(name, *scores):
        made = section(**{"0.1": dict(zip(("nlm", "median", "identity"), scores, strict=True))})
        made.runs[0].manifest.dataset.name = name
        return made

    sections = [measured(f"set{i}", 3.0, 2.0, 1.0) for i in range(4)]
    assert over_data_sets(sections[:1]) == ""
    two = over_data_sets(sections[:2])
    assert two.startswith(
        "Average ranks by PSNR over 2 data sets, at gaussian 0.1: `nlm` 1.0, `median` 2.0"
    )
    assert two.endswith("Fewer than three data sets carry no test of them.")
    assert over_data_sets(sections).endswith("do not all rank alike (Friedman's test, p = 0.018).")


def test_numbers_never_seem_to_be_nothing():
    assert amount(DEFAULT_SCALES["psnr"], 1.938, 1.901, 1.999) == "1.94 dB [1.90, 2.00]"
    assert amount(DEFAULT_SCALES["psnr"], 0.007, 0.003, 0.011) == "0.007 dB [0.003, 0.011]"
    assert amount(DEFAULT_SCALES["ssim"], 0.02, 0.01, 0.03) == "0.0200 [0.0100, 0.0300]"
    assert p_text(0.0312) == "p = 0.031"
    assert p_text(1e-9) == "p < 0.001"


def test_findings_of_a_real_run_stand_in_the_page_and_rest_on_its_tables(tmp_path, render_text):
    run = bench.run(
        "digits", methods="identity,gaussian,median", noise=[0.02, 0.5], limit=60, tune=False,
        out=tmp_path,
    )  # fmt: skip
    page = render_text(run, tmp_path / "reports", ["md"])["md"].read_text()
    assert "## Findings" in page
    means = analysis.means(analysis.Scores.of(run.records())).set_index(
        ["label", "level", "metric"]
    )["mean"]
    best = means.xs((0.5, "psnr"), level=("level", "metric"))
    order = list(best.sort_values(ascending=False).index)
    lead = best[order[0]] - best[order[1]]
    assert re.search(rf"By PSNR .*`{order[0]}` is the best at", page)
    assert f"{lead:.2f} dB [" in page
    harmful = means.xs((0.02, "psnr"), level=("level", "metric"))
    assert harmful["gaussian"] < harmful["identity"]
    assert f"{harmful['identity'] - harmful['gaussian']:.2f} dB [" in page
