"""Where networks cross the filters: between which levels, and which stay on one side."""

from toy import section

from bench.report.content.findings import findings


def networks(made):
    found = [one for one in findings(made) if " against " in one.text]
    return found[0] if found else None


def test_where_a_network_crosses_the_filters_is_interpolated():
    made = section(
        **{
            "0.1": {"identity": 10, "vae": 24.0, "nlm": 28.0, "tv": 26.0, "unet": 29.0},
            "0.3": {"identity": 10, "vae": 21.0, "nlm": 20.0, "tv": 20.5, "unet": 22.0},
        }
    )
    finding = networks(made)
    # Its line meets that of tv at 0.26, that of nlm, the best at 0.1, only at 0.26 too: at
    # shares of 2 / 2.5 and 4 / 5 of the way.
    assert finding.text.startswith(
        "Networks against filters: `vae` (one training) crosses the best filter at about 0.26 "
        "(levels interpolated linearly between those measured; `vae` is 4.00 dB ["
    )
    assert "below `nlm` at 0.1 and 0.50 dB [" in finding.text
    assert finding.text.endswith("above `tv` at 0.3); `unet` is above every filter at every noise.")
    assert finding.cell == ("vae", ("gaussian", 0.3))


def test_levels_over_255_are_interpolated_so():
    low, high = (f"{level / 255}" for level in (15, 50))
    made = section(
        **{
            low: {"identity": 10, "vae": 20.0, "nlm": 21.0},
            high: {"identity": 10, "vae": 19.0, "nlm": 18.0},
        }
    )
    assert "`vae` (one training) crosses `nlm` at about 32/255 (" in networks(made).text


def test_what_stays_on_one_side_crosses_nothing():
    made = section(
        **{
            "0.1": {"identity": 10, "vae": 20.0, "nlm": 28.0, "lmmse": 29.0},
            "0.3": {"identity": 10, "vae": 17.0, "nlm": 18.0, "lmmse": 19.5},
        }
    )
    text = networks(made).text  # what is fitted is no network and no filter
    assert text.startswith(
        "Networks against filters: `vae` is below `nlm` at every noise, by 1.00 dB"
    )
    fitted = section(**{"0.1": {"identity": 10, "nlm": 28.0, "lmmse": 29.0}})
    assert networks(fitted).text.startswith(
        "Fitted methods against filters: `lmmse` is above `nlm`"
    )
    assert networks(section(**{"0.1": {"identity": 10, "nlm": 28.0, "tv": 27.0}})) is None


def test_there_is_no_verdict_over_what_was_not_measured():
    made = section(
        **{
            "0.1": {"identity": 10, "vae": 20.0, "nlm": 28.0, "elsewhere": 21.0},
            "0.3": {"identity": 10, "vae": 17.0, "nlm": 18.0},
        }
    )
    assert networks(made).text.startswith(
        "Networks against filters: `vae` and `elsewhere` are below `nlm` wherever they were "
        "measured"
    )
    # A filter that one noise lacks keeps it out of all that is said of every filter.
    lacking = section(
        **{
            "0.1": {"identity": 10, "vae": 29.0, "nlm": 28.0, "tv": 26.0},
            "0.3": {"identity": 10, "vae": 19.0, "nlm": 18.0},
        }
    )
    text = networks(lacking).text
    assert text.startswith("Networks against filters: `vae` is above every filter at 0.1, by 1.00")
    assert "0.3" not in text


def test_several_kinds_of_noise_are_named():
    made = section(
        **{
            "0.1": {"identity": 10, "nlm": 25.0, "vae": 20.0},
            "poisson 3": {"identity": 8, "nlm": 18.0, "vae": 21.0},
            "poisson 9": {"identity": 9, "nlm": 22.0, "vae": 21.5},
        }
    )
    (best,) = [one.text for one in findings(made) if one.text.startswith("By PSNR")]
    assert "`nlm` is the best at gaussian 0.1 and poisson 9, " in best
    assert "crosses `nlm` at about poisson 8.1 (" in networks(made).text
