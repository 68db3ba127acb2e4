import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["bench.core", "bench.noises"])
def test_what_the_command_line_loads_first_brings_no_numerical_library(module):
    heavy = {"numpy", "torch", "pandas", "pydantic"}
    code = f"import sys, {module}; print(*{heavy!r} & sys.modules.keys())"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (loaded.stdout, loaded.stderr) == ("\n", "")
