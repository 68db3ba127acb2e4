"""Sweeps of parameters: what they stand for is as if typed one by one."""

import itertools
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import bench
from bench.core import Dataset, UsageError
from bench.core.text import typed_text, typed_value
from bench.planning.cells import plan
from bench.planning.notation import parse
from bench.planning.request import requested_methods, resolve
from bench.planning.requested_metrics import requested_metrics
from bench.planning.settings import Settings
from bench.planning.sweeps import MOST_CELLS, Sweep, expanded
from bench.plugins.sources import Registry

DATA = Dataset("toy", "f00d", {"train": 1000, "validation": 200, "test": 50}, lambda split: [])
FEW = {"noise": 0.3, "limit": 4}
REGISTRY = Registry()


def _key(item):
    return item[0]


def cells(methods, **values):
    """Keys and labels of the cells that methods as typed give."""
    settings = Settings.checked(dataset="toy", methods=methods, **values)
    planned = plan(settings, DATA, requested_methods(settings, REGISTRY).values())
    return [(cell.key, cell.label) for cell in planned]


whole = st.integers(1, 40)
values = st.lists(whole, min_size=1, max_size=3)
tenths = st.integers(1, 30).map(lambda number: Decimal(number) / 10)


@given(st.lists(st.tuples(st.sampled_from("abc"), values), unique_by=_key))
def test_a_sweep_stands_for_every_combination(values):
    typed = ",".join(f"{key}={'|'.join(map(str, numbers))}" for key, numbers in values)
    combinations = [
        [f"{key}={number}" for (key, _), number in zip(values, numbers, strict=True)]
        for numbers in itertools.product(*(numbers for _, numbers in values))
    ]
    text = f"mine[{typed}]" if values else "mine"
    one_by_one = [f"mine[{','.join(items)}]" if items else "mine" for items in combinations]
    sweep = Sweep.of(text)
    assert (list(sweep), sweep.count) == (one_by_one, len(one_by_one))


def test_nothing_within_quotes_is_a_sweep():
    text = """a[x="1|2"|'3..5',y=../b]"""
    assert list(Sweep.of(text)) == ["""a[x="1|2",y=../b]""", "a[x='3..5',y=../b]"]


@examples(max_examples=8, deadline=None)  # each loads the method as often as it has variants
@given(st.lists(tenths, min_size=1, max_size=3), st.lists(st.sampled_from((3, 5, 7)), min_size=1))
def test_cells_are_those_of_the_values_typed_one_by_one(widths, patches):
    swept = f"nlm[h={'|'.join(map(str, widths))},patch={'|'.join(map(str, patches))}]"
    one_by_one = [f"nlm[h={h},patch={patch}]" for h, patch in itertools.product(widths, patches)]
    assert cells(["median", swept, "wiener"]) == cells(["median", *one_by_one, "wiener"])


def test_training_noise_and_seeds_stand_beside_swept_parameters():
    one_by_one = [
        f"vae[latent={latent},train={train},seeds=2]" for latent in (2, 5) for train in (0.1, 0.5)
    ]
    assert cells("vae[latent=2|5,train=0.1|0.5,seeds=2]") == cells(one_by_one)
    assert [label for _, label in cells("vae[latent=2|5,seeds=2]", noise=0.3)] == [
        "vae[latent=2]", "vae[latent=2]", "vae[latent=5]", "vae[latent=5]"
    ]  # fmt: skip


@given(
    first=tenths, step=tenths, beyond=st.integers(0, 9), steps=st.integers(0, 12), up=st.booleans()
)
def test_a_range_holds_what_is_typed_by_hand_and_its_end_where_it_is_hit(
    first, step, beyond, steps, up
):
    step = step if up else -step
    last = first + steps * step + step * beyond / 10
    (values,) = Sweep.of(f"nlm[h={first}..{last}:{step}]").values.values()
    by_hand = [first + number * step for number in range(steps + 1)]
    assert [float(text) for text in values] == [float(str(number)) for number in by_hand]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("dae[hidden=100..800:100]", [f"{number}00" for number in range(1, 9)]),
        ("vae[latent=1..3]", ["1", "2", "3"]),
        ("vae[latent=10..3:-3]", ["10", "7", "4"]),
        ("vae[latent=2 | 5|10..21:5]", ["2", "5", "10", "15", "20"]),
        ("nlm[h=.5..1:0.25]", ["0.5", "0.75", "1.0"]),
        ("vae[beta=1e-3..3e-3:1e-3]", ["0.001", "0.002", "0.003"]),
        ("nlm[sigma=0.5x|1x|2x]", ["0.5x", "1x", "2x"]),
        ("dae[train=0.1|poisson:30|15/255]", ["0.1", "poisson:30", "15/255"]),
        ("mine[file=../a.pt|b..c.pt]", ["../a.pt", "b..c.pt"]),
        ("mine[file='2|3..5,]'|6]", ["'2|3..5,]'", "6"]),
    ],
)
def test_the_values_that_are_meant(text, values):
    (swept,) = Sweep.of(text).values.values()
    assert list(swept) == values
    key = text.partition("[")[2].partition("=")[0]
    name = text.partition("[")[0]
    assert list(Sweep.of(text)) == [f"{name}[{key}={value}]" for value in values]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vae[latent=2|]", r"vae\[latent=2\|\]: a value is missing beside \|: write latent=2\|5"),
        ("vae[latent=|2]", "a value is missing"),
        ("vae[latent=2||5]", "a value is missing"),
        ("vae[latent=2..8:0]", "steps of 0 from 2 never reach 8"),
        ("vae[latent=2..8:-2]", "steps of -2 from 2 never reach 8"),
        ("vae[latent=8..2]", "steps of 1 from 8 never reach 2"),
        ("nlm[h=0.1..0.5]", "say by which steps, as 0.1..0.5:0.04"),
        ("nlm[h=1.5..1.5]", "say by which steps, as 1.5..1.5:0.1"),
        ("vae[latent=2..x]", "2..x is no range: write first..last:step, as 100..800:100"),
        ("vae[latent=2..1e999:1]", "no range"),
        ("vae[latent=2..1e-99999999:1]", "no range"),
        ("nlm[sigma=1x..2x:0.5x]", "no range"),
        ("vae[latent=5..2|7", "is not understood"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(text, message):
    with pytest.raises(UsageError, match=message):
        expanded([text], Settings.checked())


@pytest.mark.parametrize(
    ("text", "count"), [("nlm[h=1|2]", 2), ("checkpoint[file=a|b]", 2), ("vae[latent=1..3]", 3)]
)
def test_where_one_method_is_expected_a_sweep_is_refused(text, count):
    message = rf"^{re.escape(text)}: give one method, not a sweep of {count}$"
    with pytest.raises(UsageError, match=message):
        resolve(text, REGISTRY)


@pytest.mark.parametrize("name", ["2x..pt", "2x ..pt", "1..3", "2 ..", "a|b", "x..y", "../2.pt"])
def test_a_text_that_is_shown_is_no_sweep_when_it_is_typed(name):
    (shown,) = Sweep.of(f"mine[file={typed_text(name)}]")
    (value,) = parse(shown)[1].values()
    assert typed_value(value) == name


def test_what_no_value_may_be_is_said_of_that_one():
    with pytest.raises(UsageError, match=r"vae\[latent=0\]: give 1 or more"):
        cells("vae[latent=0..4:2]")
    with pytest.raises(UsageError, match=r"median\[size=3.0\]: size is of type int"):
        cells("median[size=3..6:1.5]")


@pytest.mark.parametrize(
    ("methods", "values", "count"),
    [
        ("vae[latent=1..10000]", {}, "10,000 methods, up to 30,000 cells"),
        ("vae[latent=1..251]", {"noise": 0.3, "seeds": "0-3"}, "251 methods, up to 1,004 cells"),
        ("vae[latent=1..251,seeds=4]", {"noise": 0.3}, "251 methods, up to 1,004 cells"),
        ("dae[hidden=1..20,latent=1..20]", {}, "400 methods, up to 1,200 cells"),
        ("a[x=1..600],b[x=1..600]", {"noise": 0.3}, "1,200 methods"),
        ("a[x=0..1e300:1]", {}, "more than 10^15 methods"),
        ("a[x=1..9,seeds=1..9999999999]", {}, "up to 269,999,999,973,000 cells"),
    ],
)
def test_a_large_sweep_says_its_size_and_asks_before_anything_is_loaded(methods, values, count):
    class Untouched:
        def __getattr__(self, name):
            raise AssertionError(f"{name} was asked for")

    with pytest.raises(UsageError) as caught:
        requested_methods(Settings.checked(methods=methods, **values), Untouched())
    assert count in str(caught.value)
    assert "give --yes if that is meant" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_yes_goes_ahead_and_methods_typed_one_by_one_need_none():
    texts = [f"median[size={number}]" for number in range(1, MOST_CELLS + 2)]
    one_by_one = Settings.checked(methods=texts, noise=0.3)
    assert expanded(one_by_one.methods, one_by_one) == texts
    swept = Settings.checked(methods=f"median[size=1..{MOST_CELLS + 1}]", noise=0.3, yes=True)
    assert expanded(swept.methods, swept) == texts
    assert "yes" not in swept.recorded()


def test_metrics_are_swept_too_up_to_a_number():
    asked = Settings.checked(metrics="psnr,ssim[sigma=1.0|1.5]")
    assert list(requested_metrics(asked, Registry())) == [
        "psnr",
        "ssim[sigma=1.0]",
        "ssim[sigma=1.5]",
    ]
    with pytest.raises(UsageError, match="10,000 metrics; give at most 100 values"):
        requested_metrics(Settings.checked(metrics="ssim[sigma=1..10000]"), Registry())


def test_a_run_of_a_sweep_is_the_run_of_its_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shrink.py").write_text(
        "from bench import method\n\n\n"
        "@method()\n"
        "def shrink(noisy, *, factor=1.0):\n"
        '    """Multiply."""\n'
        "    return factor * noisy\n",
        encoding="utf-8",
    )
    own = {**FEW, "plugins": ["shrink.py"], "tune": False}
    swept = bench.run("digits", methods="identity,shrink[factor=0.5..1:0.25]", **own)
    typed = bench.run(
        "digits",
        methods=["identity", "shrink[factor=0.5]", "shrink[factor=0.75]", "shrink[factor=1.0]"],
        **own,
    )
    assert swept.path == typed.path
    records = swept.records()
    assert list(records.groupby("label", sort=False)["psnr"].count().items()) == [
        ("identity", 4),
        ("shrink[factor=0.5]", 4),
        ("shrink[factor=0.75]", 4),
        ("shrink[factor=1.0]", 4),
    ]
    means = records.groupby("label")["psnr"].mean()
    assert means["shrink[factor=1.0]"] == means["identity"] != means["shrink[factor=0.5]"]
    assert list(swept.cells()["label"]) == list(dict.fromkeys(records["label"]))
