"""Every metric that is found keeps the contract; a new file is tested the moment it exists."""

import pytest

from bench.core import Unsupported
from bench.plugins.kinds import METRICS
from bench.plugins.sources import Registry
from bench.testing import check_metric, find
from bench.testing.metric_subject import SHAPES, MetricSubject


def refusal(source, metric):
    """Why it cannot run here at all, as where its weights are missing; empty if it can."""
    subject = MetricSubject(metric, source)
    try:
        subject.values(subject.images(1, SHAPES[-1]))
    except Unsupported as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", Registry(kind=METRICS).sources)
def test_the_metric_keeps_the_contract(name, one_thread, monkeypatch):
    source = find(name, METRICS)
    metric = source.load()
    if name == "recognised":  # which is trained several times: how well it reads plays no part
        monkeypatch.setitem(metric.target.fit.__globals__, "MOST_EPOCHS", 10)
    if reason := metric.missing or (metric.declared.requires and refusal(source, metric)):
        pytest.skip(reason)
    check_metric(name)
