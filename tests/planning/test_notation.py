"""How methods are written on the command line."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.core import UsageError, canonical_json, method_label, typed_value
from bench.planning.notation import cut, parse, split_list, typed_params
from bench.plugins import sources


def test_lists_are_cut_at_commas_outside_brackets():
    assert split_list("a, b[x=1,y=2],c,") == ["a", "b[x=1,y=2]", "c"]


def test_in_quotes_nothing_has_a_meaning_of_its_own():
    quoted = """b[x='u,"v]',y=","]"""
    assert split_list(f"a[x='[,'], {quoted} ,c's") == ["a[x='[,']", quoted, "c's"]
    assert parse(quoted) == ("b", {"x": """'u,"v]'""", "y": '","'})
    assert parse("a[x=it's,y=it's]") == ("a", {"x": "it's", "y": "it's"})
    assert parse("a[x=b=c]") == ("a", {"x": "b=c"})
    assert cut("""a|"b|c" | 'd|e'""", "|") == ["a", '"b|c" ', " 'd|e'"]


@pytest.mark.parametrize("value", ['"b', "'b\"", '"b"c', '"b"c"', "'"])
def test_a_quote_that_does_not_end_is_refused(value):
    with pytest.raises(UsageError, match="does not end with the quote that it begins with"):
        parse(f"a[x={value}]")


@example(["a,b].pth", "[,", "it's", "", " ", "0.3", "1e3", "true", "a  b", "../a..b", "a|b"])
@example(["C:\\new", '"', "'\"\\", "two\nlines", "\udc80", "\x07", "\u202e", "1..5", "(5)", "x=1"])
@given(st.lists(st.text() | st.text("[],=\"'\\| .0ab~/"), max_size=4))
def test_a_label_is_typed_as_its_method_was(texts):
    params = {f"p{number}": text for number, text in enumerate(texts)}
    label = method_label("some", canonical_json(params))
    (item, other) = split_list(f"{label},other")
    assert (item, other) == (label, "other")
    name, typed = parse(item)
    assert name == "some"
    assert {key: typed_value(text) for key, text in typed.items()} == params


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_numbers_are_in_no_quotes(value):
    label = method_label("some", canonical_json({"p": value}))
    assert label == f"some[p={value}]"
    assert typed_value(parse(label)[1]["p"]) == value


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


@pytest.mark.parametrize("path", ["123", "1e3", "true"])
def test_a_path_that_looks_like_no_text_is_to_stand_in_quotes(path):
    checkpoint = sources.load("checkpoint")
    with pytest.raises(UsageError, match=rf'file names a file.* in quotes, file="{path}"$'):
        typed_params(checkpoint, {"file": path})
    assert typed_params(checkpoint, {"file": f'"{path}"'}) == {"file": path}


def test_an_empty_default_is_no_example():
    with pytest.raises(UsageError, match=r"trained_on is of type str$"):
        typed_params(sources.load("checkpoint"), {"trained_on": "5"})


def test_more_than_the_greatest_value_is_refused():
    median = sources.load("median")
    bounded = replace(median, declared=replace(median.declared, most={"size": 7}))
    assert typed_params(bounded, {"size": "7"}) == {"size": 7}
    with pytest.raises(UsageError, match=r"median\[size=9\]: give 7 or less"):
        typed_params(bounded, {"size": "9"})
