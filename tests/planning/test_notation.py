"""How methods are written on the command line."""

from dataclasses import replace

import pytest

from bench.core import UsageError
from bench.planning.notation import parse, split_list, typed_params
from bench.plugins import sources


def test_lists_are_cut_at_commas_outside_brackets():
    assert split_list("a, b[x=1,y=2],c,") == ["a", "b[x=1,y=2]", "c"]


def test_parameters_as_typed():
    assert parse("median[size=5, mode=a]") == ("median", {"size": "5", "mode": "a"})
    assert parse(" vae ") == ("vae", {})


@pytest.mark.parametrize("text", ["", "[a=1]", "m[a=1", "m[a]", "m[a=]", "m[=1]", "m[a=1,a=2]"])
def test_what_is_written_otherwise_is_refused(text):
    with pytest.raises(UsageError, match="not understood"):
        parse(text)


def test_typed_values_take_the_type_of_the_default():
    nlm = sources.load("nlm")
    values = typed_params(nlm, {"h": "1", "patch": "7"})
    assert values == {"h": 1.0, "patch": 7}
    assert isinstance(values["h"], float)
    assert typed_params(sources.load("wavelet"), {"wavelet": "haar"}) == {"wavelet": "haar"}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sise": "5"}, "median' has no parameter 'sise': did you mean size"),
        ({"size": "5.5"}, r"median\[size=5.5\]: size is of type int, as in size=3"),
        ({"size": "big"}, "size is of type int"),
        ({"size": "true"}, "size is of type int"),
    ],
)
def test_unknown_and_mistyped_parameters_are_refused(params, message):
    with pytest.raises(UsageError, match=message):
        typed_params(sources.load("median"), params)


def test_more_than_the_greatest_value_is_refused():
    median = sources.load("median")
    bounded = replace(median, declared=replace(median.declared, most={"size": 7}))
    assert typed_params(bounded, {"size": "7"}) == {"size": 7}
    with pytest.raises(UsageError, match=r"median\[size=9\]: give 7 or less"):
        typed_params(bounded, {"size": "9"})
