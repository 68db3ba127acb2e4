"""What is typed becomes metrics with parameters."""

import pytest

from bench.core import Dataset, MissingPackage, UsageError
from bench.planning.requested_metrics import (
    metrics_for,
    metrics_of,
    requested_metrics,
    tuning_metric,
)
from bench.planning.settings import Settings
from bench.plugins.kinds import METRICS
from bench.plugins.sources import Registry

TEXT = '''from bench import metric

@metric(better="lower", reference="none"{more})
def some(clean, restored{arguments}):
    """Of each image."""
    return abs(restored - clean).max(axis=(1, 2, 3))
'''


@pytest.fixture
def metric(tmp_path, monkeypatch):
    """Write a metric's file: among the built-in ones, or one of a user's."""
    folder = tmp_path / "builtin"
    folder.mkdir()
    monkeypatch.setattr(METRICS, "folder", folder)

    def write(name, arguments="", more="", *, built_in=True):
        file = (folder if built_in else tmp_path) / f"{name}.py"
        file.write_text(TEXT.format(arguments=arguments, more=more))
        return file

    for name in ("psnr", "ssim", "mse"):
        write(name, ", *, sigma=1.5, net='alex'")
    return write


def requested(registry=None, **settings):
    return requested_metrics(Settings.checked(**settings), registry or Registry())


def test_the_default_three_and_those_of_plugins(metric):
    assert list(requested()) == ["psnr", "ssim", "mse"]
    file = metric("mine", built_in=False)
    assert list(requested(Registry([file]))) == ["psnr", "ssim", "mse", "mine"]
    assert list(requested(Registry([file]), metrics="mine")) == ["mine"]


def test_the_first_one_typed_leads_and_parameters_are_typed(metric):
    found = requested(metrics="ssim[sigma=1],psnr[net=vgg,sigma=2.5]")
    assert list(found) == ["ssim[sigma=1.0]", "psnr[net=vgg,sigma=2.5]"]
    assert found["ssim[sigma=1.0]"].params == {"sigma": 1.0}
    assert found["psnr[net=vgg,sigma=2.5]"].metric.name == "psnr"


@pytest.mark.parametrize(
    ("typed", "has", "needs", "instead"),
    [
        ("psnr", {"truth": False, "frames": 2}, "clean images", "umse,upsnr"),
        ("psnr,ssim", {"truth": False, "frames": 1}, "clean images", "sure"),
        ("sure,umse", {"truth": False, "frames": 1}, "a second noisy frame of each scene", "sure"),
        ("upsnr", {}, "a second noisy frame of each scene", "psnr,ssim,mse"),
    ],
)
def test_a_metric_that_the_data_set_cannot_have_is_refused(typed, has, needs, instead):
    settings = Settings.checked(metrics=typed)
    data = Dataset("toy", "", {"test": 4}, lambda split: [], **has)
    metrics = requested_metrics(settings, Registry())
    with pytest.raises(UsageError, match=rf": it needs {needs}, which toy .* --metrics {instead}$"):
        metrics_for(settings, metrics, data)
    settings = Settings.checked(metrics=instead)
    assert ",".join(metrics_for(settings, requested_metrics(settings, Registry()), data)) == instead


def test_a_metric_of_labels_is_refused_where_there_are_none(metric):
    settings = Settings.checked(metrics="mine,psnr")
    metrics = requested_metrics(settings, Registry([metric("mine", ", label", built_in=False)]))
    data = Dataset("toy", "", {"test": 4}, lambda split: [])
    with pytest.raises(UsageError, match=r"--metrics mine: it needs labels, .* --metrics psnr$"):
        metrics_for(settings, metrics, data)


def test_however_it_is_typed_a_metric_is_measured_once(metric):
    assert list(requested(metrics="ssim[sigma=1], ssim[sigma=1.0],psnr,psnr")) == [
        "ssim[sigma=1.0]",
        "psnr",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pnsr", "unknown metric 'pnsr': did you mean psnr"),
        ("ssim[sigm=1]", "metric 'ssim' has no parameter 'sigm': did you mean sigma"),
        ("ssim[sigma=wide]", "sigma is of type float, as in sigma=1.5"),
        ("ssim[sigma]", "metric 'ssim.sigma.' is not understood"),
        ("ssim[", "metric 'ssim.' is not understood"),
    ],
)
def test_what_is_not_understood_is_one_line(metric, text, message):
    with pytest.raises(UsageError, match=message):
        metrics_of([text], Registry())


def test_one_asked_for_whose_package_is_missing_ends_it_with_its_own_code(metric):
    metric("far", more=", requires=('no_such_thing',)")
    with pytest.raises(MissingPackage, match=r"far needs .* 'denoise-bench\[metrics\]'") as error:
        metrics_of(["psnr", "far"], Registry(kind=METRICS))
    assert error.value.exit_code == 3
    file = metric("mine", more=", requires=('no_such_thing',)", built_in=False)
    with pytest.raises(MissingPackage, match="pip install 'no_such_thing'"):
        requested(Registry([file]))


def test_a_broken_plugin_is_an_error_even_where_others_are_asked_for(metric):
    file = metric("mine", arguments=", size", built_in=False)
    with pytest.raises(UsageError, match="the argument 'size' of some"):
        requested(Registry([file]), metrics="psnr")


@pytest.mark.parametrize(
    ("arguments", "reason"), [("", ""), (", noisy, noise", ""), (", label", "needs labels")]
)
def test_tuning_is_by_a_metric_of_the_images_alone(metric, arguments, reason):
    metric("mine", arguments)
    settings = Settings.checked(tune_by="mine")
    if not reason:
        assert str(tuning_metric(settings, Registry())) == "mine"
        return
    with pytest.raises(UsageError, match=f"--tune-by mine: mine {reason}; tune by"):
        tuning_metric(settings, Registry())
