"""The conformance suite finds broken metrics, each by the check that looks for it."""

import re

import pytest

from bench import testing
from bench.core import UsageError
from bench.plugins.kinds import METRICS
from bench.testing import check_metric, conformance

HEADER = "import numpy as np\nfrom bench import Unsupported, metric\n\n"
LEARNED = '''
@metric(better="lower", between=(0, 1), reference="none")
class Some:
    """Distance to the mean training image of the label."""

    weight: float = 1.0

    def fit(self, train, validation):
        self.means = np.stack([train.images[train.labels == k].mean(axis=0) for k in range(10)])

    def measure(self, restored, label):
        if restored.shape[1:] != self.means.shape[1:]:
            raise Unsupported("other sizes than it was fitted on")
        return self.weight * abs(restored - self.means[label]).mean(axis=(1, 2, 3))

    def state(self):
        return {"means": self.means}

    def load(self, arrays):
        self.means = arrays["means"]
'''


def function(
    *lines,
    doc="Mean error.",
    declared='better="lower", reference="none"',
    arguments="clean, restored",
):
    """A metric that is a function of such lines, after `error`: of each image's pixels."""
    documentation = f'    """{doc}"""\n' if doc else ""
    body = "".join(f"    {line}\n" for line in lines)
    return f"@metric({declared})\ndef some({arguments}):\n{documentation}{body}"


def learned(old, new):
    """The learned metric with one piece replaced."""
    assert LEARNED.count(old) == 1
    return LEARNED.replace(old, new)


MEAN = "return abs(restored - clean).mean(axis=(1, 2, 3))"
GOOD = {
    "a mean error": function(MEAN),
    "a class": LEARNED,
    "none of what it compares with": function("return restored.std(axis=(1, 2, 3))",
                                              arguments="restored"),
    "all there is": function(
        "return abs(restored - clean).mean((1, 2, 3)) / noise.sigma + 0 * label * noisy.max()",
        arguments="clean, restored, noisy, label, noise",
    ),
    "large colour images only": function(
        "if clean.shape[1] != 3: raise Unsupported('RGB only')",
        "large = min(clean.shape[-2:]) >= 64",
        "return abs(restored - clean).mean(axis=(1, 2, 3)) if large else [np.nan] * len(clean)",
    ),
    "of several threads": function(MEAN, declared='better="lower", reference="-", threads=True'),
}  # fmt: skip


@pytest.fixture
def plugin(tmp_path):
    def write(body):
        path = tmp_path / "some.py"
        path.write_text(HEADER + body)
        return path

    return write


@pytest.fixture
def outcomes(plugin, monkeypatch):
    """All outcomes of a metric, by check."""

    def call(body, *, children=False):
        if not children:  # each costs a second, and does not decide here
            here = [each for each in conformance.METRIC_CHECKS if "another" not in each.__name__]
            monkeypatch.setattr(conformance, "METRIC_CHECKS", here)
        found = testing.outcomes(testing.find(plugin(body), METRICS))
        return {outcome.check: outcome for outcome in found}

    return call


@pytest.fixture
def failures(outcomes):
    """Check name -> text, of the checks that a metric fails."""

    def call(body, **options):
        found = outcomes(body, **options)
        return {name: each.text for name, each in found.items() if each.verdict == "failed"}

    return call


@pytest.mark.parametrize("case", GOOD)
def test_a_good_metric_passes_all_checks(failures, case):
    assert failures(GOOD[case], children=case in ("a class", "all there is")) == {}


#: What is wrong with a metric -> the check that finds it, what it says, the metric.
BROKEN = {
    "no docstring": ("documented", 'give it a docstring, """What', function(MEAN, doc="")),
    "no reference": (
        "documented",
        r'say @metric\(reference="Author year"\), or "none"',
        function(MEAN, declared='better="lower"'),
    ),
    "a default that cannot be typed": (
        "parameters",
        "the default of sizes is of type tuple",
        function(MEAN, arguments="clean, restored, *, sizes=(1, 2)"),
    ),
    "refusing every image": (
        "takes images",
        "refuses grey and RGB images of 28, 64, 192 pixels a side: never",
        function("raise Unsupported('never')"),
    ),
    "NaN for every image": (
        "takes images",
        "gives NaN for all grey and RGB images",
        function("return np.full(len(clean), np.nan)"),
    ),
    "raising": (
        "one number an image",
        r"ValueError: no idea \(some.py, line 7\)",
        function("raise ValueError('no idea')"),
    ),
    "one number for the batch": (
        "one number an image",
        r"an array of shape \(\) for 5 images: give one number an image",
        function("return abs(restored - clean).mean()"),
    ),
    "a number a channel": (
        "one number an image",
        r"shape \(5, 1\) for 5 images",
        function("return abs(restored - clean).mean(axis=(2, 3))"),
    ),
    "texts": ("one number an image", "not numbers", function("return ['good'] * len(clean)")),
    "infinity for equal images": (
        "values",
        r"it gave infinity: give NaN where it is not defined \(of equal images\)",
        function(
            "with np.errstate(divide='ignore'):",
            "    return -np.log10(abs(restored - clean).mean(axis=(1, 2, 3)))",
            declared='better="higher", reference="none"',
        ),
    ),
    "values outside of what it says": (
        "values",
        "it gave .*, and says that it lies from 0 to 0.01",
        function(MEAN, declared='better="lower", reference="none", between=(0, 0.01)'),
    ),
    "the wrong direction": (
        "more noise is worse",
        'it gets better with noise: errors of .* say better="lower"',
        function(MEAN, declared='better="higher", reference="none"'),
    ),
    "something better than equal images": (
        "equal images are best",
        r"images with errors of 0.02 are better \(.*\) than equal ones",
        function("return abs(abs(restored - clean).mean(axis=(1, 2, 3)) - 0.02)"),
    ),
    "writing into the clean images": (
        "input not modified",
        r"it changed clean: work on a copy, clean.copy\(\)",
        function("clean *= 0.9", "return abs(restored - clean / 0.9).mean(axis=(1, 2, 3))"),
    ),
    "numbers at random": (
        "same result twice",
        r"a generator with a fixed seed, np.random.default_rng\(0\)",
        function("e = abs(restored - clean).mean((1, 2, 3))",
                 "return e * (1 + 1e-6 * np.random.uniform(size=len(e)))"),
    ),
    "other errors of NumPy's": (
        "process as it was",
        r"measuring changes NumPy's errors \(np.seterr\)",
        function("np.seterr(all='raise')", MEAN),
    ),
    "a mean over the batch": (
        "batch mates",
        r"depends on its batch-mates: take means over axes \(1, 2, 3\), never over axis 0",
        function("error = abs(restored - clean).mean((1, 2, 3))",
                 "return error * (1 + 0.01 * restored.mean())"),
    ),
    "a weight for each position": (
        "batch mates",
        "depends on its position in the batch",
        function("error = abs(restored - clean).mean((1, 2, 3))",
                 "return error * (1 + np.arange(len(error)) / 100)"),
    ),
    "even sizes only": (
        "sizes",
        "17x23 images: ValueError.*some.py, line 8.; handle them, give NaN, or raise",
        function(
            "n, c, h, w = clean.shape",
            "half = (restored - clean).reshape(n, c, h // 2, 2, w // 2, 2).mean(axis=(3, 5))",
            "return abs(half).mean(axis=(1, 2, 3))",
        ),
    ),
    "grey images only, and it does not say so": (
        "channels",
        "RGB images: it gave an array of shape",
        function("return abs(restored - clean).reshape(-1, *clean.shape[2:]).mean((1, 2))"),
    ),
    "the order in memory": (
        "non contiguous input",
        "np.ascontiguousarray",
        function("flat = (restored - clean).ravel(order='K').reshape(len(clean), -1)",
                 "return abs(flat).mean(axis=1)"),
    ),
    "a state without what was learned": (
        "state and load",
        r"AttributeError: .*; keep all that measure needs in state\(\)",
        learned('        self.means = arrays["means"]', "        pass"),
    ),
    "a state that is not all of it": (
        "state and load",
        r"gives other numbers: keep all that measure needs in state\(\)",
        learned("return self.weight *", "return self.weight * getattr(self, 'half', 1) *")
        .replace("    def measure", "        self.half = 0.5\n\n    def measure"),
    ),
    "a fit with numbers from elsewhere": (
        "fit twice",
        "fit gave two results for the same images",
        learned("self.means = np.stack", "self.means = np.random.uniform() * np.stack"),
    ),
    "learning from what it measures": (
        "fit twice",
        "measuring changes what it learned",
        learned("        return self.weight *",
                "        self.means = self.means + np.float32(1e-7)\n        return self.weight *"),
    ),
    "the size it was fitted on only, and it does not say so": (
        "other than fitted on",
        "smaller images: ValueError: .*; handle them, give NaN, or raise",
        learned('raise Unsupported("other sizes than it was fitted on")', "pass"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_metric_is_found_by_the_check_that_looks_for_it(failures, case):
    check, message, body = BROKEN[case]
    found = failures(body)
    also = {"equal images are best"} if case == "the wrong direction" else set()
    assert set(found) == {check} | also, found
    assert re.search(message, found[check]), found
    assert "\n" not in found[check]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "import os\n\nSTEP = os.getpid()\n\n" + function(MEAN + " * STEP"),
            "another process gives other numbers: they must depend on nothing but its file",
        ),
        (
            "import sys\n\n" + function("sys.only_here", MEAN),
            "'only_here'; keep what it needs in its file or package",
        ),
    ],
)
def test_a_metric_that_depends_on_its_process_is_found(failures, monkeypatch, body, message):
    monkeypatch.setattr("sys.only_here", True, raising=False)
    found = failures(body, children=True)
    assert list(found) == ["another process"]
    assert message in found["another process"]


def test_every_check_is_failed_by_a_test():
    by_name = {check.__name__.replace("_", " ") for check in conformance.METRIC_CHECKS}
    assert by_name == {check for check, *_ in BROKEN.values()} | {"another process"}


def test_what_is_measured_without_clean_images_may_like_noise(outcomes):
    found = outcomes(
        function(
            "return restored.std(axis=(1, 2, 3))",
            arguments="restored",
            declared='better="higher", reference="none"',
        )
    )
    assert {outcome.verdict for outcome in found.values()} == {"passed", "skipped"}
    assert found["more noise is worse"].text.startswith("it does not get worse with every step")
    assert found["equal images are best"].verdict == "skipped"


def test_what_has_no_number_for_an_image_says_for_which(outcomes):
    found = outcomes(GOOD["large colour images only"])
    assert found["takes images"].text == "3x64x64"
    assert found["channels"].text == "refuses grey"
    assert found["sizes"].text == "NaN for 17x23, 32x20, 29x29, 64x48, 5x7, 1x16, 16x1, 1x1"


def test_a_file_that_is_no_metrics_fails_that_alone(plugin):
    text = "from bench import method\n\n@method()\ndef some(noisy):\n    return noisy\n"
    with pytest.raises(AssertionError, match=r"^loads: .* declares a method, where a metric is w"):
        check_metric(plugin(text))


def test_the_command_tells_metrics_by_themselves(bench, fails, plugin):
    file = plugin(function("return abs(restored - clean).mean()"))
    result = bench("test", "some", "--plugin", file)
    assert result.code == 1
    title, *lines, end = result.out.splitlines()
    assert title == "some (metric, file some.py)"
    assert len(lines) == 1 + len(conformance.METRIC_CHECKS)
    assert [line for line in lines if "FAILED" in line] == [
        "  FAILED  one number an image: it gave an array of shape () for 5 images: give one number "
        "an image"
    ]
    assert end == "1 check failed."
    assert "has no parameter 'x'" in fails("test", "some[x=1]", "--plugin", file, code=2)


def test_a_metric_is_tried_with_the_parameters_that_are_typed(bench, plugin):
    body = function("if size == 4: raise ValueError('too large')", MEAN,
                    arguments="clean, restored, *, size=3")  # fmt: skip
    file = plugin(body)
    assert bench("test", "some", "--plugin", file).code == 0
    assert "ValueError: too large" in bench("test", "some[size=4]", "--plugin", file).out


def test_a_metric_that_is_not_there_is_a_usage_error():
    with pytest.raises(UsageError, match="unknown metric 'pnsr': did you mean psnr"):
        check_metric("pnsr")
