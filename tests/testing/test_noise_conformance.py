"""The conformance suite finds broken noises, each by the check that looks for it."""

import re

import pytest

from bench import testing
from bench.plugins.kinds import NOISES
from bench.testing import check_noise, conformance

HEADER = (
    "import math\n\nimport numpy as np\nimport torch\n\nfrom bench import Unsupported, noise\n\n"
)
ADD = "return clean + self.level * draws.normal()"
STD = "return self.level + 0 * clean"


def kind(add=ADD, std=STD, mean="", doc="Noise.", declared='reference="none"', before=""):
    """A kind of noise with such bodies of its methods."""

    def method(name, arguments, body):
        return f"    def {name}(self, {arguments}):\n" + "".join(
            f"        {line}\n" for line in body.splitlines()
        )

    documentation = f'    """{doc}"""\n' if doc else ""
    return (
        f"{before}@noise({declared})\nclass Some:\n{documentation}"
        + method("add", "clean, draws", add)
        + method("std", "clean", std)
        + (method("mean", "clean", mean) if mean else "")
    )


GOOD = {
    "white noise": kind(),
    "noise of rows": kind("return clean + self.level * draws.normal()[..., :1]"),
    "photons": kind("return draws.poisson(self.level * clean) / self.level",
                    "return (clean / self.level) ** 0.5",
                    declared='photons=True, reference="none"'),
    "two fields": kind("return clean + self.level * draws.normal() * (2 * draws.uniform(1) - 1)",
                       "return self.level / 3**0.5 + 0 * clean"),
    "a mean of its own": kind("return clean + self.level * (draws.uniform() + 1)",
                              "return self.level / 12**0.5 + 0 * clean",
                              "return clean + 1.5 * self.level"),
    "impulses": kind("hit = draws.uniform() < self.level / 4\nreturn clean * ~hit + hit",
                     "share = self.level / 4\nreturn (share * (1 - share)) ** 0.5 * (1 - clean)",
                     "return clean + self.level / 4 * (1 - clean)"),
    "grey images only": kind(f"if clean.shape[-3] != 1: raise Unsupported('grey only')\n{ADD}"),
}  # fmt: skip


@pytest.fixture
def plugin(tmp_path):
    def write(body):
        path = tmp_path / "some.py"
        path.write_text(HEADER + body)
        return path

    return write


@pytest.fixture
def failures(plugin, monkeypatch):
    """Check name -> text, of the checks that a noise fails."""

    def call(body, *, children=False):
        if not children:  # each costs a second, and does not decide here
            here = tuple(each for each in conformance.NOISE_CHECKS if "another" not in str(each))
            monkeypatch.setattr(conformance, "NOISE_CHECKS", here)
        found = testing.outcomes(testing.find(plugin(body), NOISES))
        return {each.check: each.text for each in found if each.verdict == "failed"}

    return call


@pytest.mark.parametrize("case", GOOD)
def test_a_good_noise_passes_all_checks(failures, case):
    assert failures(GOOD[case], children=case == "two fields") == {}


#: What is wrong with a noise -> the check that finds it, what it says, the noise.
BROKEN = {
    "no docstring": ("documented", 'give it a docstring, """What', kind(doc="")),
    "no reference": ("documented", r'say @noise\(reference="Author year"\)', kind(declared="")),
    "double precision": (
        "shape and type",
        "gave float64 for float32 images: NumPy's own numbers, .* write 2 \\*\\* 0.5",
        kind("return clean + np.sqrt(2) * self.level * draws.normal() / np.sqrt(2)"),
    ),
    "one number an image": (
        "shape and type",
        r"gave \(5, 1, 1, 1\) for images of shape \(5, 1, 28, 28\)",
        kind("return (clean + self.level * draws.normal())[..., :1, :1]"),
    ),
    "raising": ("shape and type", r"ValueError: no idea \(some.py, line 12\)",
                kind("raise ValueError('no idea')")),
    "nothing where it is black": (
        "finite values",
        "std\\(\\) gave NaN or infinity at level 0.1 and clean value 0",
        kind(std="return self.level * clean / clean"),
    ),
    "numbers at random": (
        "same draws same pixels",
        "take random numbers from draws alone",
        kind("z = np.random.normal(size=clean.shape).astype('f4')\nreturn clean + self.level * z"),
    ),
    "counting its calls": (
        "same draws same pixels",
        "keep nothing between calls",
        kind("CALLS.append(1)\nreturn clean + self.level * draws.normal() * (1 + len(CALLS) / 1e6)",
             before="CALLS = []\n\n"),
    ),
    "a generator of a fixed seed": (
        "other draws other pixels",
        "two images have the same noise: take random numbers from draws",
        kind("tensor = hasattr(clean, 'detach')\n"
             "z = np.random.default_rng(0).normal(size=clean.shape[1:]).astype('f4')\n"
             "return clean + self.level * (draws.normal() if tensor else z)"),
    ),
    "writing into the clean images": (
        "input not modified",
        "it changed the clean images: work on a copy",
        kind("clean += self.level * draws.normal()\nreturn clean * 1.0"),
    ),
    "writing into the draws": (
        "input not modified",
        "it changed the numbers of draws: work on a copy",
        kind("z = draws.normal()\nz *= self.level\nreturn clean + z"),
    ),
    "other errors of NumPy's": (
        "process as it was",
        r"std changes NumPy's errors \(np.seterr\)",
        kind(std=f"np.seterr(all='raise')\n{STD}"),
    ),
    "a mean over the batch": (
        "batch mates",
        r"depends on its batch-mates: take statistics over axes \(-2, -1\), never over axis 0",
        kind("z = draws.normal()\nreturn clean + self.level * (z - 1e-3 * z.mean())"),
    ),
    "another deviation than it says": (
        "moments",
        "the deviation of noisy pixels at level 0.1 and clean value 0 is not what std\\(\\) says: "
        "0.0970\\d*, not 0.1",
        kind("return clean + 0.97 * self.level * draws.normal()"),
    ),
    "another mean than it says": (
        "moments",
        "the mean of noisy pixels at level 0.1 and clean value 0 is not what mean\\(\\) says",
        kind("return clean + self.level * (draws.normal() + 0.05)"),
    ),
    "levels the wrong way": (
        "higher levels",
        "let a higher level be more noise, or say photons=True",
        kind("return clean + draws.normal() / self.level", "return 1 / self.level + 0 * clean"),
    ),
    "photons the wrong way": (
        "higher levels",
        "leave out photons=True",
        kind(declared='photons=True, reference="none"'),
    ),
    "even sizes only": (
        "sizes",
        "17x23 images: .*some.py, line .*; handle them, or raise bench.Unsupported",
        kind("z = draws.normal()\nh, w = z.shape[-2:]\n"
             "z[..., :1, :1].reshape(-1) if h * w == 1 else z.reshape(-1, h // 2, 2, w)\n"
             "return clean + self.level * z"),
    ),
    "the order in memory": (
        "non contiguous input",
        r"has other noise: begin with np.ascontiguousarray\(clean\)",
        kind("flip = isinstance(clean, np.ndarray) and not clean.flags.c_contiguous\n"
             "return clean + self.level * draws.normal() * (-1 if flip else 1)"),
    ),
    "NumPy's functions on tensors": (
        "tensors",
        "of torch's tensors: .*; write arithmetic and methods that NumPy's arrays and torch's",
        kind("return clean + self.level * np.ascontiguousarray(draws.normal()).astype('f4')"),
    ),
    "other noise of tensors": (
        "tensors",
        "tensors have other noise than arrays at clean value 0",
        kind("if hasattr(clean, 'detach'):\n"
             "    return clean + self.level * (2 * draws.uniform() - 1) * 3**0.5\n" + ADD),
    ),
    "one level for all": (
        "a level an image",
        r"self.level may be a tensor \(N, 1, 1, 1\): write self.level \*\* 0.5, no function of mat",
        kind("return clean + math.sqrt(self.level) * draws.normal()",
             "return self.level**0.5 + 0 * clean"),
    ),
    "a deviation of the first image's level": (
        "a level an image",
        "its noise is of another variance",
        kind("level = self.level.max() if hasattr(self.level, 'max') else self.level\n"
             "return clean + level * draws.normal()"),
    ),
    "four axes only": (
        "clipped",
        "what --clip leaves of it cannot be told: .* for arrays of any number of axes",
        kind("n, c, h, w = clean.shape\nreturn clean + self.level * draws.normal()"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_noise_is_found_by_the_check_that_looks_for_it(failures, case):
    check, message, body = BROKEN[case]
    found = failures(body)
    assert check in found, found
    assert next(iter(found)) == check, found
    assert re.search(message, found[check]), found
    assert "\n" not in found[check]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            kind("return clean + self.level * draws.normal() * (1 + STEP)",
                 before="import time\n\nSTEP = time.time_ns() % 10**6 / 1e10\n\n"),
            "another process draws other noise: it must depend on nothing but its file",
        ),
        (
            kind(f"sys.only_here\n{ADD}", before="import sys\n\n"),
            "'only_here'",
        ),
    ],
)  # fmt: skip
def test_a_noise_that_depends_on_its_process_is_found(failures, monkeypatch, body, message):
    monkeypatch.setattr("sys.only_here", True, raising=False)
    found = failures(body, children=True)
    assert list(found) == ["another process"]
    assert message in found["another process"]


def test_every_check_is_failed_by_a_test():
    by_name = {check.__name__.replace("_", " ") for check in conformance.NOISE_CHECKS}
    assert by_name == {check for check, *_ in BROKEN.values()} | {"another process"}


def test_a_true_noise_hardly_ever_fails_the_moments(plugin):
    """Were the error rate a thousandth for each of 600 noises, one would be expected to fail."""
    from bench.testing.checks import corrupting
    from bench.testing.noise_subject import NoiseSubject

    source = testing.find(plugin(kind()), NOISES)
    subject = NoiseSubject(source.load(), source)
    own = subject.draws
    for number in range(30):
        subject.draws = lambda clean, key="test", number=number: own(clean, f"{key} {number}")
        corrupting.moments(subject)


def test_a_file_that_is_no_noises_fails_that_alone(plugin):
    text = "from bench import method\n\n@method()\ndef some(noisy):\n    return noisy\n"
    with pytest.raises(AssertionError, match=r"^loads: .* declares a method, where a noise is wa"):
        check_noise(plugin(text))


def test_the_command_tells_noises_by_themselves(bench, plugin):
    result = bench("test", "some", "--plugin", plugin(kind("raise ValueError('no idea')")))
    assert result.code == 1
    title, *lines, end = result.out.splitlines()
    assert title == "some (noise, file some.py)"
    assert len(lines) == 1 + len(conformance.NOISE_CHECKS)
    assert [line for line in lines if "FAILED" in line] == [
        "  FAILED  shape and type: ValueError: no idea (some.py, line 12)"
    ]
    assert end == "1 check failed."
