"""The conformance suite finds what it promises to find, and says what to do about it."""

import re

import numpy as np
import pytest

from bench import testing
from bench.core import UsageError
from bench.plugins import sources
from bench.plugins.kinds import KINDS
from bench.testing import child, conformance
from bench.testing.patience import within

HEADER = "import numpy as np\nfrom bench import Unsupported, method\n\n"
GOOD = '''
@method(tune={"weight": (0.0, 0.5)}, reference="none")
def good(noisy, noise, *, weight=0.5):
    """Move each pixel towards its image's mean."""
    return noisy + np.float32(weight) * (noisy.mean(axis=(-2, -1), keepdims=True) - noisy)
'''
LEARNED = '''
@method(reference="none")
class Learned:
    """Add what was learned, and a little noise that the seed decides."""

    def fit(self, train, noise, seed):
        shape = train.shape[2:]
        self.offset = np.random.default_rng(seed).normal(0, 0.01, shape).astype("float32")

    def denoise(self, noisy, noise):
        if noisy.shape[2:] != self.offset.shape:
            raise Unsupported("other sizes than it was trained on")
        return noisy + self.offset

    def state(self):
        return {"offset": self.offset}

    def load(self, arrays):
        self.offset = arrays["offset"]
'''


@pytest.fixture
def plugin(tmp_path):
    """Write a method's file: its body, or a whole file's text."""

    def write(body, name="some"):
        path = tmp_path / f"{name}.py"
        path.write_text(HEADER + body)
        return path

    return write


@pytest.fixture
def failures(plugin, monkeypatch):
    """Check name -> text, of the checks that a method fails."""

    def call(body, *, children=False):
        if not children:  # each costs a second, and does not decide here
            here = [check for check in conformance.CHECKS if check.__name__ != "another_process"]
            monkeypatch.setattr(conformance, "CHECKS", here)
        outcomes = list(testing.outcomes(testing.find(plugin(body))))
        return {o.check: o.text for o in outcomes if o.verdict == "failed"}

    return call


def function(*lines, doc="Denoise.", declared='reference="none"', arguments="noisy"):
    """A method that is a function of such lines."""
    documentation = f'    """{doc}"""\n' if doc else ""
    body = "".join(f"    {line}\n" for line in lines)
    return f"@method({declared})\ndef some({arguments}):\n{documentation}{body}"


def learned(old, new):
    """The learned method with one piece replaced."""
    assert LEARNED.count(old) == 1
    return LEARNED.replace(old, new)


# -- what passes ---------------------------------------------------------------------------


@pytest.mark.parametrize("body", [GOOD, LEARNED], ids=["function", "class"])
def test_a_good_method_passes_all_checks(failures, body):
    assert failures(body, children=True) == {}


def test_a_method_for_colour_only_is_tried_on_colour(plugin, failures):
    body = function(
        "if noisy.shape[1] != 3:",
        "    raise Unsupported('RGB only')",
        "return noisy + 0.1 * (noisy.mean(axis=1, keepdims=True) - noisy)",
    )
    assert failures(body) == {}
    texts = {o.check: o.text for o in testing.outcomes(testing.find(plugin(body)))}
    assert texts["channels"] == "refuses grey"


def test_what_does_not_learn_skips_what_is_asked_of_those_that_do(plugin):
    verdicts = {o.check: o.verdict for o in testing.outcomes(testing.find(plugin(GOOD)))}
    skipped = {check for check, verdict in verdicts.items() if verdict == "skipped"}
    assert skipped == {
        "recipes", "learned from", "other than trained on", "state and load", "fit twice",
        "learns from noisy images",
    }  # fmt: skip


# -- what fails: one check, named, with what to do -----------------------------------------

BAD = {
    "no docstring": (
        "documented",
        'give it a docstring, """What it does."""',
        function("return noisy", doc=""),
    ),
    "no reference": (
        "documented",
        r'say @method\(reference="Author year"\), or "none"',
        function("return noisy", declared=""),
    ),
    "refusing every image": (
        "takes images",
        "refuses grey and RGB images of 28, 64, 128 pixels a side: never",
        function("raise Unsupported('never')"),
    ),
    "a default that cannot be typed": (
        "parameters",
        "the default of sizes is of type tuple.*use a number, a text",
        function("return noisy", arguments="noisy, *, sizes=(1, 2)"),
    ),
    "a filter that says what it was trained on": (
        "learned from",
        'it says what it was trained on: say family="pretrained" too',
        function("return noisy", declared="reference='none', trained_on=('bsd400',)"),
    ),
    "a value to tune of another type": (
        "parameters",
        "tune tries size='5', and the default 3 is of another type",
        function(
            "return noisy",
            declared="reference='none', tune={'size': (3, '5')}",
            arguments="noisy, *, size=3",
        ),
    ),
    "a value to tune that is there twice": (
        "parameters",
        "tune gives a value of size twice",
        function(
            "return noisy",
            declared="reference='none', tune={'size': (3, 5, 3)}",
            arguments="noisy, *, size=3",
        ),
    ),
    "a single value to tune": (
        "parameters",
        "tune gives 1 value for size: give several",
        function(
            "return noisy",
            declared="reference='none', tune={'size': (3,)}",
            arguments="noisy, *, size=3",
        ),
    ),
    "NaN where the image is even": (
        "finite values",
        "NaN or infinity in 3 of 3 images, where the image is even: guard divisions",
        function(
            "spread = noisy.std(axis=(-2, -1), keepdims=True)",
            "with np.errstate(all='ignore'):",
            "    return noisy * (spread / spread)",
        ),
    ),
    "NaN at high noise": (
        "finite values",
        "NaN or infinity in 5 of 5 images",
        function(
            "return noisy if noise.level < 0.5 else noisy * np.float32(np.nan)",
            arguments="noisy, noise",
        ),
    ),
    "a value to tune that crashes": (
        "tuned values",
        "with size=0: ValueError: too small .some.py, line 7.",
        function(
            "if size == 0: raise ValueError('too small')",
            "return noisy",
            declared="reference='none', tune={'size': (0, 3)}",
            arguments="noisy, *, size=3",
        ),
    ),
    "a value to tune that is refused": (
        "tuned values",
        "with size=99: Unsupported: too large",
        function(
            "if size == 99: raise Unsupported('too large')",
            "return noisy",
            declared="reference='none', tune={'size': (3, 99)}",
            arguments="noisy, *, size=3",
        ),
    ),
    "a value to tune that divides by an even image's variance": (
        "tuned values",
        "with eps=0.0: denoise returned NaN or infinity in 2 of 2 images",
        function(
            "with np.errstate(invalid='ignore'):",
            "    spread = noisy.std(axis=(-2, -1), keepdims=True)",
            "    return noisy * (spread / (spread + np.float32(eps)))",
            declared="reference='none', tune={'eps': (0.0, 0.1)}",
            arguments="noisy, *, eps=0.1",
        ),
    ),
    "a value beyond those listed that does": (
        "tuned values",
        r"with eps=0\.\d+: denoise returned NaN or infinity in 2 of 2 images",
        function(
            "with np.errstate(invalid='ignore'):",
            "    spread = noisy.std(axis=(-2, -1), keepdims=True)",
            "    return noisy * (spread / (spread + np.float32(eps if eps > 0.2 else 0)))",
            declared="reference='none', tune={'eps': (0.25, 0.5)}",
            arguments="noisy, *, eps=0.5",
        ),
    ),
    "a value to tune that fails with a column": (
        "tuned values",
        "with size=3: IndexError: index 1 is out of bounds",
        function(
            "if size == 3: noisy[..., 1]",
            "return noisy",
            declared="reference='none', tune={'size': (1, 3)}",
            arguments="noisy, *, size=1",
        ),
    ),
    "one row, column or point that fails": (
        "sizes",
        "1x16 images: ValueError: .*; handle them, or raise bench.Unsupported",
        function(
            "np.gradient(noisy, axis=-2)",
            "return noisy",
        ),
    ),
    "a row that is even": (
        "sizes",
        "16x1 images: denoise returned NaN or infinity in 1 of 3 images",
        function(
            "if noisy.shape[-1] > 1: return noisy",
            "with np.errstate(invalid='ignore'):",
            "    spread = noisy.std(axis=(-2, -1), keepdims=True)",
            "    return noisy * (spread / spread) if noisy.shape[-2] > 1 else noisy",
        ),
    ),
    "a value to tune that changes what is learned": (
        "tuned values",
        "scale is tuned, and changes what fit learns: .* take it out of tune",
        learned('reference="none"', 'reference="none", tune={"scale": (0.01, 0.02)}')
        .replace("    def fit", "    scale: float = 0.01\n\n    def fit")
        .replace("normal(0, 0.01,", "normal(0, self.scale,"),
    ),
    "a buffer that threads share": (
        "batch mates",
        "two threads give another result: share no buffer between calls",
        function(
            "time.sleep(0.01)",  # the other thread comes
            "some.last = noisy",
            "time.sleep(0.05)",
            "return some.last.copy()[: len(noisy)]",
            declared='reference="none", threads=True',
        ).replace("@method", "import time\n\n@method", 1),
    ),
    "a state that is not restored": (
        "state and load",
        "AttributeError: .*; keep all that denoise needs in state",
        learned('        self.offset = arrays["offset"]', "        pass"),
    ),
    "many images that are not each their own": (
        "batch mates",
        "of which there were 64",
        function("return noisy if len(noisy) < 9 else noisy - noisy.mean(axis=0)"),
    ),
    "turning gradients off when it is imported": (
        "process as it was",
        r"importing it changes torch's gradients \(torch.set_grad_enabled\) for whatever runs",
        "import torch\n\ntorch.set_grad_enabled(False)\n" + function("return noisy"),
    ),
    "another way with errors in each call": (
        "process as it was",
        r"denoise changes NumPy's errors \(np.seterr\) for whatever .* with np.errstate\(\)",
        function("np.seterr(all='raise')", "return noisy"),
    ),
    "another working folder for a fit": (
        "process as it was",
        r"fit changes the working folder \(os.chdir\) for whatever",
        learned(
            "        shape = train.shape[2:]\n",
            "        shape = train.shape[2:]\n        import os\n        os.chdir('/')\n",
        ),
    ),
    "writing into its input": (
        "input not modified",
        r"work on a copy, noisy.copy\(\)",
        function("np.clip(noisy, 0, 1, out=noisy)", "return noisy.copy()"),
    ),
    "means over the batch": (
        "batch mates",
        r"depends on its batch-mates: take statistics over axes \(-2, -1\), never over axis 0",
        function("return noisy - noisy.mean(axis=0)"),
    ),
    "a draw for each position": (
        "batch mates",
        "depends on its position in the batch: share one draw over the batch",
        function(
            "draw = np.random.default_rng(0).normal(size=noisy.shape)",
            "return noisy + draw.astype('float32')",
        ),
    ),
    "even sizes only": (
        "sizes",
        "17x23 images: ValueError.*some.py, line 8.; handle them, or raise bench.Unsupported",
        function(
            "n, c, h, w = noisy.shape",
            "return noisy.reshape(n, c, h // 2, 2, w // 2, 2).reshape(noisy.shape)",
        ),
    ),
    "grey images only, and it does not say so": (
        "channels",
        "RGB images: denoise returned shape.*; handle them, or raise bench.Unsupported",
        function("return noisy[:, :1]"),
    ),
    "the size it was trained on only, and it does not say so": (
        "other than trained on",
        "smaller images: ValueError.*; handle them, or raise bench.Unsupported",
        learned('raise Unsupported("other sizes than it was trained on")', "pass"),
    ),
    "the order in memory taken for the order of axes": (
        "non contiguous input",
        r"another result: begin with np.ascontiguousarray\(noisy\)",
        function("return noisy.ravel(order='K').reshape(noisy.shape)"),
    ),
    "a crash where memory is not in order": (
        "non contiguous input",
        r"BufferError: .*; begin with np.ascontiguousarray\(noisy\)",
        function("return np.frombuffer(noisy.data, 'float32').reshape(noisy.shape).copy()"),
    ),
    "a state without what was learned": (
        "state and load",
        r"another result: keep all that denoise needs in state\(\)",
        learned(
            "        return noisy + self.offset",
            "        return noisy + self.offset * getattr(self, 'factor', 1)",
        ).replace('"float32")\n', '"float32")\n        self.factor = np.float32(2)\n', 1),
    ),
    "a state that is not of arrays": (
        "state and load",
        "a dictionary of NumPy arrays by name",
        learned('{"offset": self.offset}', '{"offset": self.offset, "scale": 2.0}'),
    ),
    "a fit with numbers from elsewhere": (
        "fit twice",
        r"two results under one seed: draw random numbers from np.random.default_rng\(seed\) only",
        learned("np.random.default_rng(seed)", "np.random"),
    ),
    "a fit that ignores the seed": (
        "fit twice",
        r"the same under every seed: say @method\(random=False\)",
        learned("np.random.default_rng(seed)", "np.random.default_rng(0)"),
    ),
    "a fit that depends on the seed and denies it": (
        "fit twice",
        "random=False says that it does not: leave that out",
        learned('reference="none"', 'reference="none", random=False'),
    ),
    "a fit that reads the test split": (
        "asks for no test images",
        "it reads the test split: learn from what fit is given only",
        learned(
            "        shape = train.shape[2:]\n",
            "        shape = train.shape[2:]\n"
            "        from pathlib import Path\n"
            "        from bench import datasets\n"
            "        next(datasets.load('digits', Path('.')).groups('test'))\n",
        ),
    ),
    "a denoiser that reads the test split": (
        "asks for no test images",
        "it reads the test split",
        function(
            "from pathlib import Path",
            "from bench import datasets",
            "next(datasets.load('digits', Path('.')).groups('test'))",
            "return noisy",
        ),
    ),
    "learning from what it denoises": (
        "asks for no test images",
        "what it denoised before changes what it gives: keep nothing of the images in denoise",
        learned(
            "        return noisy + self.offset",
            "        self.offset = self.offset + np.float32(1e-7)\n"
            "        return noisy + self.offset",
        ),
    ),
}


@pytest.fixture
def small_digits(monkeypatch):
    """Enlarging the digits takes longer than all else here."""
    monkeypatch.setattr(
        "bench.datasets.digits._enlarged_digits", lambda: np.zeros((1797, 1, 28, 28), np.float32)
    )


@pytest.mark.parametrize("case", BAD)
def test_a_bad_method_fails_the_one_check_that_looks_for_it(failures, small_digits, case):
    check, message, body = BAD[case]
    found = failures(body)
    assert list(found) == [check], found
    assert re.search(message, found[check]), found


@pytest.mark.parametrize("draw", ["np.random.uniform()", "np.random.default_rng().uniform()"])
def test_random_numbers_without_a_seed_are_found_and_the_remedy_named(failures, draw):
    # So small that only a check for equal results sees it.
    found = failures(function(f"return noisy + np.float32(1e-5 * {draw})"))
    assert next(iter(found)) == "same result twice"
    assert (
        "from a generator with a fixed seed, np.random.default_rng(0)"
        in (found["same result twice"])
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["return noisy.astype('float64')"], "float64, not float32: use .astype('float32')"),
        (["return noisy[..., 1:]"], "returned shape (5, 1, 28, 27) for input of shape"),
        (["return noisy.squeeze()"], "returned shape (5, 28, 28) for input of shape"),
        (["return noisy if len(noisy) > 1 else noisy[0]"], "for input of shape (1, 1, 28, 28)"),
        (["return noisy.tolist()"], "returned list, not a NumPy array"),
        (["pass"], "returned NoneType, not a NumPy array"),
        (["return noisy + np.float32(np.nan)"], "NaN or infinity in 5 of 5 images"),
        (["return 1 / 0"], "ZeroDivisionError: division by zero (some.py, line 7)"),
        (["raise SystemExit('enough')"], "SystemExit: enough (some.py, line 7)"),
    ],
)
def test_what_no_denoiser_may_give_is_named_by_the_first_check_that_runs_it(
    failures, lines, message
):
    ((check, text),) = failures(function(*lines)).items()  # the others would only repeat it
    assert check in ("shape and type", "finite values")
    assert message in text


@pytest.mark.parametrize(
    ("statement", "value"),
    [("import os", "os.getpid()"), ("import time", "time.time() % 1000 + 1")],
)
def test_a_method_that_depends_on_its_process_is_found(failures, statement, value):
    body = f"{statement}\n\nSTEP = {value}\n\n{function('return noisy * np.float32(STEP)')}"
    found = failures(body, children=True)
    assert list(found) == ["another process"]
    assert "it must depend on nothing but its file, its parameters and" in found["another process"]


def test_a_method_that_another_process_cannot_run_says_why(failures, monkeypatch):
    body = "import sys\n\n" + function("sys.only_here", "return noisy")
    monkeypatch.setattr("sys.only_here", True, raising=False)
    found = failures(body, children=True)
    assert list(found) == ["another process"]
    assert (
        "AttributeError: module 'sys' has no attribute 'only_here'; keep what it needs in"
        in (found["another process"])
    )


def test_a_method_that_never_answers_is_given_up(failures, monkeypatch):
    monkeypatch.setattr(child, "PATIENCE", 0.01)
    found = failures(GOOD, children=True)
    assert list(found) == ["another process"]
    assert "there was no answer within 0.01 s" in found["another process"]


def test_a_method_that_takes_too_long_is_stopped(failures, monkeypatch):
    monkeypatch.setattr(conformance, "LIMIT", 0.5)
    body = "import time\n\n" + function("while True:", "    time.sleep(0.01)")
    assert failures(body) == {
        "takes images": "it took over 0.5 s: try it with parameters that do less, as "
        "NAME[updates=10]"
    }


def test_the_users_own_interrupt_is_no_time_limit():
    with pytest.raises(KeyboardInterrupt), within(60):
        raise KeyboardInterrupt


PEEK = '''
def peek():
    """The clean images that its callers hold."""
    frame = sys._getframe()
    while frame := frame.f_back:
        for value in frame.f_locals.values():
            if type(value).__name__ == "Dataset":
                return next(iter(value.groups("train"))).images[0, 0]
'''


@pytest.mark.parametrize("peeks", [True, False])
@pytest.mark.parametrize("supervision", ["noisy", "pairs"])
def test_what_learns_from_noisy_images_must_not_know_the_clean_ones(failures, supervision, peeks):
    body = learned('reference="none"', f'reference="none", supervision="{supervision}"')
    if supervision == "pairs":
        body = body.replace("train.shape", "train.noisy.shape")
    if peeks:
        body = body.replace('"float32")\n', '"float32") + peek()\n', 1)
    found = failures(f"import sys\n{PEEK}\n{body}")
    assert list(found) == (["learns from noisy images"] if peeks else [])
    assert not peeks or "other clean images behind the same noisy ones" in found.popitem()[1]


@pytest.mark.parametrize("supervision", ["noisy", "pairs"])
def test_a_function_may_say_that_its_weights_come_from_noisy_images(failures, supervision):
    declared = f'reference="none", family="pretrained", supervision="{supervision}"'
    assert failures(function("return noisy / 2", declared=declared)) == {}


def test_a_class_does_not_say_that_it_learns_from_nothing(plugin):
    body = learned('reference="none"', 'reference="none", supervision="none"')
    with pytest.raises(UsageError, match="a class learns: say clean, pairs or noisy"):
        sources.Registry([plugin(body)]).load("some")


@pytest.mark.parametrize(
    ("factor", "found"), [("1 / (2 + seed)", None), ("0.5", "gives the same under every one")]
)
def test_a_function_that_takes_a_seed_depends_on_it(failures, factor, found):
    body = function(f"return noisy * np.float32({factor})", arguments="noisy, *, seed")
    text = failures(body).get("fit twice")
    assert text is None if found is None else found in text


def test_a_file_named_like_a_module_of_pythons_passes(plugin, monkeypatch):
    file = plugin(GOOD, name="random")  # which another process imports
    monkeypatch.chdir(file.parent)
    testing.check_method("random.py")


NETWORK = """
from torch import nn
from bench import TrainedMethod

@method(reference="none")
class Some(TrainedMethod):
    \"\"\"One layer.\"\"\"

    recipes = {"quick": EPOCH, "default": EPOCH, "paper": EPOCH}

    def network(self, image_shape): return nn.Conv2d(image_shape[0], image_shape[0], 3, padding=1)
    def loss(self, network, noisy, clean, noise):
        return {"error": (network(noisy) - clean).square().mean()}
    def restore(self, network, noisy, noise): return network(noisy)
"""


@pytest.mark.parametrize(
    ("recipe", "check", "message"),
    [
        ('{"epochs": 1, "batch_size": 8, "learning_rate": 1}', "recipes", "'quick' says 'learning"),
        ('{"epochs": 1, "batch_size": 8}', None, ""),
    ],
)
def test_a_recipe_says_what_there_is_to_say(failures, recipe, check, message):
    found = failures(f"EPOCH = {recipe}\n{NETWORK}")
    assert list(found) == ([check] if check else [])
    assert message in "".join(found.values())


def test_a_preset_without_a_recipe_is_found(failures):
    body = 'EPOCH = {"epochs": 1, "batch_size": 8}\n' + NETWORK.replace('"paper": EPOCH', "")
    assert "no recipe 'paper': give quick, default and paper" in failures(body)["recipes"]


def test_a_loss_that_is_no_dictionary_is_named(failures):
    wrong = NETWORK.replace('{"error": ', "(").replace(".mean()}", ".mean())")
    body = 'EPOCH = {"epochs": 1, "batch_size": 8}\n' + wrong
    assert "loss() gives no dictionary of named terms" in failures(body)["state and load"]


def test_every_check_is_failed_by_a_test():
    by_name = {check.__name__.replace("_", " ") for check in conformance.CHECKS}
    of_their_own = {
        *("shape and type", "same result twice", "another process", "recipes"),
        "learns from noisy images",
    }
    assert by_name == {check for check, *_ in BAD.values()} | of_their_own


# -- as authors use it ---------------------------------------------------------------------


def test_a_test_is_given_a_line_for_each_failed_check(plugin):
    file = plugin(function("return noisy - noisy.mean(axis=0)", declared=""))
    with pytest.raises(AssertionError) as error:
        testing.check_method(file)
    first, second = str(error.value).splitlines()
    assert first.startswith("documented: no reference: ")
    assert second.startswith("batch mates: an image's result depends on its batch-mates")


def test_a_test_names_a_file_or_a_method_that_is_listed(plugin, monkeypatch):
    file = plugin(GOOD, name="by_path")
    testing.check_method(str(file))
    monkeypatch.setenv("BENCH_PLUGINS", str(file))
    testing.check_method("by-path")


def test_a_method_that_is_not_there_is_a_usage_error():
    with pytest.raises(UsageError, match="unknown method 'medain': did you mean median"):
        testing.check_method("medain")


def test_a_file_that_cannot_be_loaded_fails_that_alone(plugin):
    with pytest.raises(AssertionError, match=r"^loads: .*some\.py: ZeroDivisionError: [^\n]*$"):
        testing.check_method(plugin("1 / 0"))


def test_the_command_prints_a_line_a_check(bench, plugin):
    result = bench("test", "some", "--plugin", plugin(GOOD))
    assert result.code == 0, result.out
    title, *lines, end = result.out.splitlines()
    assert title == "some (method, file some.py)"
    assert len(lines) == 1 + len(conformance.CHECKS)
    assert lines[0] == "  passed  loads"
    assert "  passed  parameters: weight=0.5" in lines
    assert "  skipped fit twice: it does not learn" in lines
    assert end == "All checks passed."


def test_the_command_names_the_check_that_failed_and_exits_with_1(bench, plugin):
    file = plugin(function("return noisy - noisy.mean(axis=0)", declared=""))
    result = bench("test", "--plugin", file)
    assert result.code == 1
    failed = [line for line in result.out.splitlines() if "FAILED" in line]
    assert failed[0].startswith("  FAILED  documented: no reference: say @method(")
    assert failed[1].startswith("  FAILED  batch mates: ")
    assert result.out.splitlines()[-1] == "2 checks failed."
    assert "Traceback" not in result.out + result.err


def test_the_command_without_names_tests_all_there_is(bench, monkeypatch):
    monkeypatch.setattr(testing, "outcomes", lambda *given: [testing.Outcome("loads", "passed")])
    titles = bench("test").out.splitlines()[:-1:2]
    kinds = {kind.name: sources.Registry(kind=kind) for kind in KINDS}
    assert titles == [
        f"{name} ({kind}, built in)" for kind, each in kinds.items() for name in each.sources
    ]


def test_the_command_does_not_know_every_name(fails):
    said = "unknown method, metric, noise or dataset 'medain': did you mean median"
    assert said in fails("test", "medain", code=2)


def test_a_method_is_tried_with_the_parameters_that_are_typed(bench, plugin, tmp_path, fails):
    """Its file may be what one of them names, as a network's weights."""
    weights = tmp_path / "w.txt"
    file = plugin(function(
        "factor = float(Path(path).read_text())",
        "return noisy * np.float32(factor)",
        arguments="noisy, *, path=''",
    ).replace("@method", "from pathlib import Path\n\n@method", 1))  # fmt: skip
    weights.write_text("0.5")
    result = bench("test", f"some[path={weights}]", "--plugin", file)
    assert result.code == 0, result.out
    assert bench("test", "some", "--plugin", file).code == 1
    weights.write_text("nan")
    assert "NaN or infinity" in bench("test", f"some[path={weights}]", "--plugin", file).out
    assert "no parameter 'pth'" in fails("test", "some[pth=x]", "--plugin", file, code=2)
    testing.check_method("median[size=5]")


def test_a_slow_method_is_tried_on_fewer_images(plugin, monkeypatch):
    monkeypatch.setattr("bench.testing.checks.images._SECONDS", 0.2)
    body = "import time\n\n" + function("time.sleep(0.02 * len(noisy))", "return noisy")
    texts = {o.check: o.text for o in testing.outcomes(testing.find(plugin(body)))}
    said = re.fullmatch(r"of (\d+) images at most, since it is slow", texts["batch mates"])
    assert 8 <= int(said[1]) < 12
