"""Every registered method keeps the contract; a new file is tested the moment it exists."""

import pytest

from bench.plugins.sources import Registry, load
from bench.testing import check_method

#: Parameters that do less, of methods that are slow by default.
QUICK = {"dncnn": "dncnn[depth=6]", "zs-n2n": "zs-n2n[updates=1,width=4]"}


@pytest.mark.parametrize("name", Registry().sources)
def test_the_method_keeps_the_contract(name, one_thread):
    if reason := load(name).missing:
        pytest.skip(reason)
    check_method(QUICK.get(name, name))
