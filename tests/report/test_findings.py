"""Findings: each sentence is checked against the data that it was made of."""

import dataclasses

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


def test_the_best_is_named_with_its_narrowest_lead():
    made = section(
        **{
            "0.1": {"identity": 10, "median": 20.0, "nlm": 25.0},
            "0.3": {"identity": 5, "median": 19.0, "nlm": 20.0},
        }
    )
    (finding,) = findings(made)
    assert finding.text.startswith(
        "At 0.1 and 0.3 `nlm` is the best by PSNR: at 0.3 it is 1.00 dB ["
    )
    assert finding.text.endswith("above `median`, the next.")
    assert (finding.metric, finding.cell) == ("psnr", ("nlm", ("gaussian", 0.3)))
    assert finding.cell_text == "PSNR table, `nlm` at gaussian 0.3"
    pair = made.pairs[(made.pairs["metric"] == "psnr") & (made.pairs["level"] == 0.3)]
    pair = pair[(pair["a"] == "median") & (pair["b"] == "nlm")].iloc[0]
    assert amount(DEFAULT_SCALES["psnr"], 1.0, -pair["high"], -pair["low"]) in finding.text


def test_what_cannot_be_told_apart_is_not_ranked():
    (text,) = texts(section(**{"0.1": {"identity": 10, "median": 20.0, "nlm": 20.005}}))
    assert text == (
        "At 0.1 the highest mean is that of `nlm`, which cannot be told apart from `median`."
    )


def test_what_was_trained_once_is_not_called_the_best():
    # The spread of its own seeds decides: 0.3 dB is within one, and beyond the other.
    wide = section(**{"0.1": {"identity": 10, "nlm": 20.0, "vae": (20.1, 20.5, 20.0, 20.6)}})
    assert texts(wide)[0] == (
        "At 0.1 the highest mean is that of `vae`, which cannot be told apart from `nlm`."
    )
    narrow = section(**{"0.1": {"identity": 10, "nlm": 20.0, "vae": (20.3, 20.31, 20.3, 20.29)}})
    assert texts(narrow)[0].startswith("At 0.1 `vae` is the best by PSNR: it is 0.30 dB [")
    alone = texts(section(**{"0.1": {"identity": 10, "nlm": 20.0, "vae": 20.3}}))[0]
    assert alone.startswith("At 0.1 the highest mean is that of `vae`, 0.30 dB [")
    assert alone.endswith(
        "above `nlm` (one training): how far other trainings would lie is not known."
    )
    second = texts(section(**{"0.1": {"identity": 10, "nlm": 20.6, "vae": 20.3}}))[0]
    assert second.startswith("At 0.1 `nlm` is the best by PSNR")
    assert second.endswith("above `vae`, the next (one training).")


def test_harm_is_named_with_where_it_turns_to_good():
    made = section(
        **{
            "0.1": {"identity": 22.0, "vae": 20.0, "nlm": 28.0},
            "0.3": {"identity": 13.0, "vae": 19.0, "nlm": 18.0},
        }
    )
    text = next(text for text in texts(made) if "harm" in text)
    assert text.startswith("At 0.1 `vae` (one training) does harm: it is 2.00 dB [")
    assert text.endswith("below the noisy image itself; at 0.3 it is better than it.")


def test_several_harmful_methods_are_one_sentence():
    methods = {"identity": 22.0, "vae": 20.0, "dae": 21.0, "nlm": 28.0}
    text = next(text for text in texts(section(**{"0.1": methods})) if "harm" in text)
    assert text.startswith("2 methods do harm at 0.1: ")
    assert "the worst, `vae` (one training), is 2.00 dB [" in text
    assert "better" not in text


def test_networks_and_filters_are_compared_where_the_tests_carry_it():
    made = section(
        **{
            "0.1": {"identity": 10, "vae": 20.0, "nlm": 28.0},
            "0.3": {"identity": 10, "vae": 19.0, "nlm": 18.0},
            "0.5": {"identity": 10, "vae": 18.001, "nlm": 18.0},
        }
    )
    sentences = [text for text in texts(made) if "every" in text]
    assert [text.partition(":")[0] for text in sentences] == [
        "The best network beats every filter at 0.3",
        "The best filter beats every network at 0.1",
    ]


def test_what_is_fitted_is_no_network_and_no_filter():
    made = section(
        **{
            "0.1": {"identity": 10, "vae": 20.0, "nlm": 28.0, "lmmse": 29.0},
            "0.3": {"identity": 10, "vae": 19.0, "nlm": 18.0, "lmmse": 19.5},
        }
    )
    assert [text.partition(":")[0] for text in texts(made) if "every" in text] == [
        "The best network beats every filter at 0.3",
        "The best filter beats every network at 0.1",
    ]
    none = section(**{"0.1": {"identity": 10, "nlm": 28.0, "lmmse": 29.0}})
    assert not [text for text in texts(none) if "every" in text]


def test_there_is_no_verdict_over_what_was_not_measured():
    made = section(
        **{
            "0.1": {"identity": 10, "vae": 20.0, "nlm": 28.0, "elsewhere": 21.0},
            "0.3": {"identity": 10, "vae": 17.0, "nlm": 18.0},
        }
    )
    (text,) = [text for text in texts(made) if "every" in text]
    assert text.startswith("The best filter beats every network at 0.1: `nlm` is 7.00 dB [")
    assert text.endswith("above `elsewhere`.")


def test_what_has_seen_the_images_has_no_part_in_sentences_marks_and_ranks():
    methods = {"identity": 10, "nlm": 20.0, "median": 19.0, "leaky": 20.001}
    without = {name: mean for name, mean in methods.items() if name != "leaky"}
    leaky, fair = section(**{"0.1": methods}), section(**{"0.1": without})
    (text,) = texts(leaky)
    assert text.startswith("At 0.1 `nlm` is the best by PSNR: it is 1.00 dB [")
    assert text.endswith("above `median`, the next.")
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
    finding = findings(made)[-1]
    assert finding.text.startswith(
        "By SSIM `median` is above `nlm`, which has the highest PSNR, at 0.1: by 0.1000 ["
    )
    assert finding.metric == "ssim"
    assert not any("SSIM" in text for text in texts(made, metrics=["psnr"]))
    assert texts(made, metrics=["ssim"])[0].startswith("At 0.1 `median` is the best by SSIM")


def test_errors_are_better_when_they_are_smaller():
    measured = section(**{"0.1": {"identity": 10, "median": 20.0, "nlm": 28.0}}).runs[0].records
    made = Section.of(Run(measured.assign(mse=10 ** (-measured["psnr"] / 10))))
    text = texts(made, metrics=["mse"])[0]
    assert text.startswith("At 0.1 `nlm` is the best by MSE")
    assert "below `median`, the next." in text


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
    assert f"`{order[0]}` is the best by PSNR" in page
    assert f"{lead:.2f} dB [" in page
    harmful = means.xs((0.02, "psnr"), level=("level", "metric"))
    assert harmful["gaussian"] < harmful["identity"]
    assert f"{harmful['identity'] - harmful['gaussian']:.2f} dB [" in page
