"""Every registered method keeps the contract; a new file is tested the moment it exists."""

import pytest

from bench.plugins.sources import Registry, load
from bench.testing import check_method


@pytest.mark.parametrize("name", Registry().sources)
def test_the_method_keeps_the_contract(name, one_thread):
    if reason := load(name).missing:
        pytest.skip(reason)
    check_method(name)
