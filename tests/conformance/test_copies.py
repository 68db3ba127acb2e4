"""The other process that plugins are checked in: one that hangs there holds nothing up."""

import subprocess

import pytest

from bench.plugins.kinds import METHODS
from bench.testing import child


def test_a_plugin_that_hangs_in_a_copy_is_ended_and_the_next_is_answered(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "PATIENCE", 0.3)
    printed = tmp_path / "printed"
    (tmp_path / "hangs.py").write_text("import time\n\ntime.sleep(60)\n")
    task = {"plugins": [str(tmp_path / "hangs.py")], "kind": METHODS.name, "name": "hangs"}
    with pytest.raises(subprocess.TimeoutExpired):
        child._run(task, printed)
    monkeypatch.setattr(child, "PATIENCE", 60.0)
    assert child._run({**task, "plugins": []}, printed) == 1
    assert "hangs" in printed.read_text()  # no such method
