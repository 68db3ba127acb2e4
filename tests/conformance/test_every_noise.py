"""Every noise that is found keeps the contract; a new file is tested the moment it exists."""

import pytest

from bench.plugins.kinds import NOISES
from bench.plugins.sources import Registry
from bench.testing import check_noise


@pytest.mark.parametrize("name", Registry(kind=NOISES).sources)
def test_the_noise_keeps_the_contract(name, one_thread):
    check_noise(name)
