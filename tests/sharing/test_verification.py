"""Cells that are measured again hold; altered numbers, and methods that changed, do not."""

import json
import tempfile
import zipfile

import numpy as np
import pyarrow as pa
import pytest

import bench
from bench import sharing
from bench.core import DataError, UsageError
from bench.sharing.agreement import FILTERS, SAME_MACHINE, TRAINED, agreement
from bench.store import Verified, columns, open_run
from bench.store.pack import write_pack
from bench.store.verified import VerifiedCell

pytestmark = pytest.mark.usefixtures("loaded_here")

HALVE = '''from bench import method


@method()
def halve(noisy, *, by=2.0):
    """It divides."""
    return noisy / by
'''


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "halve.py"
    path.write_text(HALVE)
    return path


@pytest.fixture(scope="module")
def pack(plugin, tmp_path_factory, one_thread):
    """Of a filter that is tuned, one of a file, one that is fitted, and a network."""
    folder = tmp_path_factory.mktemp("measured")
    run = bench.run(
        "digits", methods="median,halve,lmmse,dae", plugins=[plugin], noise=0.3, limit=12,
        epochs=1, preset="quick", out=folder, name="small",
    )  # fmt: skip
    return sharing.pack([run], folder, plugins=[plugin]).path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Another folder, and another cache."""
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "other-cache"))
    monkeypatch.chdir(tmp_path)


def test_every_cell_holds_where_it_was_measured(pack, plugin, tmp_path):
    found = sharing.verify(pack, cells=9, plugins=[plugin])
    assert {cell.cell.split(" ")[0] for cell in found.cells} == {"median", "halve", "lmmse", "dae"}
    assert found.asked == found.held == 4
    for cell in found.cells:  # products of matrices may differ in their last bits
        name = cell.cell.split(" ")[0]
        assert (cell.exact and cell.how == "bit for bit") or name in ("lmmse", "dae"), cell
    assert found.largest_difference < 1e-4
    assert not list((tmp_path / "other-cache").rglob("*.safetensors"))  # nothing was kept, or used


def test_the_sample_is_the_seeds(pack, plugin):
    def drawn(seed):
        found = sharing.verify(pack, cells=1, seed=seed, methods=["median", "halve", "lmmse"],
                               plugins=[plugin])  # fmt: skip
        return found.cells[0].key

    assert drawn(0) == drawn(0)
    assert len({drawn(seed) for seed in range(4)}) > 1


def test_what_cannot_be_measured_here_is_left_out_and_said(pack):
    found = sharing.verify(pack, cells=9, methods=["halve"])
    assert (found.cells, found.asked) == ([], 1)
    ((why, count),) = found.left_out.items()
    assert "unknown method 'halve'" in why
    assert count == 1


def test_a_method_that_was_not_measured_is_refused(pack):
    with pytest.raises(UsageError, match="no results of wiener"):
        sharing.verify(pack, methods=["wiener"])


def altered(pack, to, method, change):
    """A pack with other numbers, and digests and sums made anew as a forger would."""
    run = open_run(pack)
    with zipfile.ZipFile(pack) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name != "SHA256SUMS"}
    for meta in run.metadata():
        if meta.cell.method == method:
            name = f"cells/{meta.key}.parquet"
            import pyarrow.parquet as pq

            table = pq.read_table(pa.BufferReader(files[name]))
            entries = json.loads(table.schema.metadata[b"bench"])
            table = change(table.replace_schema_metadata(None))
            entries["digests"]["rows"] = columns.rows_digest(table)
            files[name] = columns.file_of(table, json.dumps(entries), signed=True)
    write_pack(to, files)
    return to


def better(name, by):
    def change(table):
        values = table[name].to_numpy() + np.float32(by)
        return table.set_column(table.column_names.index(name), name, pa.array(values))

    return change


@pytest.mark.parametrize(("metric", "by"), [("psnr", 0.5), ("ssim", 0.02)])
def test_an_altered_number_with_new_digests_and_sums_does_not_hold(pack, tmp_path, metric, by):
    forged = altered(pack, tmp_path / "forged.zip", "median", better(metric, by))
    open_run(forged)  # nothing in the file tells
    (cell,) = sharing.verify(forged, methods=["median"]).cells
    assert not cell.held
    assert f"its {metric} is not what its images have" in cell.how


def test_a_changed_method_does_not_hold(pack, tmp_path):
    (tmp_path / "halve.py").write_text(HALVE.replace("noisy / by", "noisy / by + 0.01"))
    (cell,) = sharing.verify(pack, methods=["halve"], plugins=[tmp_path / "halve.py"]).cells
    assert not cell.held
    assert not cell.same_code
    assert "by other code than that which measured" in cell.how
    assert cell.largest_difference > FILTERS


def test_code_that_was_only_written_otherwise_holds_and_is_said_to_be_other(pack, tmp_path):
    (tmp_path / "halve.py").write_text(HALVE + "# a comment\n")
    (cell,) = sharing.verify(pack, methods=["halve"], plugins=[tmp_path / "halve.py"]).cells
    assert cell.held
    assert cell.exact
    assert not cell.same_code
    assert cell.how == "bit for bit; by other code than that which measured"


def test_a_method_that_fails_here_does_not_hold(pack, tmp_path):
    (tmp_path / "halve.py").write_text(HALVE.replace("noisy / by", "noisy / nothing"))
    (cell,) = sharing.verify(pack, methods=["halve"], plugins=[tmp_path / "halve.py"]).cells
    assert not cell.held
    assert "it fails here: NameError" in cell.how


@pytest.mark.another_process
def test_another_process_measures_gives_the_same_and_leaves_nothing(
    pack, plugin, tmp_path, monkeypatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    found = sharing.verify(pack, cells=9, plugins=[plugin])
    assert found.asked == found.held == 4
    assert found.versions["numpy"] == np.__version__
    assert [path for path in tmp_path.iterdir() if path.name.startswith("bench-")] == []
    # The checkout may have uncommitted changes.
    assert [each for each in found.differs if not each.startswith("bench's code")] == []


@pytest.mark.another_process
@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("import time\n    time.sleep(60)", "it took longer than 3 s (--timeout)"),
        ("import os\n    os._exit(3)", "its process ended by itself (exit code 3)"),
    ],
    ids=["hangs", "dies"],
)
def test_a_method_that_hangs_or_dies_here_costs_its_own_cell(pack, tmp_path, body, why):
    other = tmp_path / "halve.py"
    other.write_text(HALVE.replace("return noisy", f"{body}\n    return noisy"))
    told, begun = [], []
    found = sharing.verify(
        pack, cells=9, methods=["halve", "median"], plugins=[other], timeout=3,
        telling=sharing.Telling(begun.append, told.append),
    )  # fmt: skip
    held = {cell.cell.split(" ")[0]: cell.held for cell in found.cells}
    assert held == {"halve": False, "median": True}
    (lost,) = [cell for cell in found.cells if not cell.held]
    assert lost.how == f"it fails here: {why}"
    assert not lost.same_code
    assert told == found.cells
    assert sorted(begun) == sorted(cell.cell for cell in found.cells)


@pytest.mark.another_process
def test_a_plugin_that_dies_as_it_is_loaded_is_left_out(pack, tmp_path):
    other = tmp_path / "halve.py"
    other.write_text(f"import os\n\nos._exit(4)\n{HALVE}")
    found = sharing.verify(pack, cells=9, methods=["halve", "median"], plugins=[other])
    assert [cell.cell for cell in found.cells] == ["median at gaussian 0.3"]
    assert found.left_out == {
        "method halve cannot be loaded: its process ended by itself (exit code 4)": 1
    }


@pytest.mark.another_process
def test_images_that_are_given_as_arrays_go_to_the_other_process(tmp_path):
    clean = np.random.default_rng(0).integers(0, 255, (6, 16, 16), np.uint8)
    run = bench.run(
        clean, methods="median,identity", noise=0.3, tune=False, out=tmp_path, name="own",
        range=(0, 255),
    )  # fmt: skip
    found = sharing.verify(run.path, dataset=clean)
    assert [cell.held for cell in found.cells] == [True, True]
    with pytest.raises(DataError, match="is other data than the run was measured on"):
        sharing.verify(run.path, dataset=clean[::-1])


def test_other_versions_are_named(pack, monkeypatch):
    from bench.execution import environment

    known = environment.describe("cpu")
    versions = {**known["versions"], "numpy": "9.9"}
    monkeypatch.setattr(environment, "describe", lambda *_: {**known, "versions": versions})
    found = sharing.verify(pack, cells=1, methods=["median"])
    assert not found.same_machine
    assert any(text.startswith("numpy 9.9, where it was") for text in found.differs)
    assert found.cells[0].held


# -- what agrees -----------------------------------------------------------------------------


def columns_of(psnr, restored=(1, 2, 3), **more):
    return {
        "image": np.arange(3),
        "digest": np.array([7, 8, 9], np.uint64),
        "restored": np.array(restored, np.uint64),
        "psnr": np.array(psnr, np.float32),
        **{name: np.array(values, np.float32) for name, values in more.items()},
    }


BASE = columns_of([20, 25, 30], mse=[0.01, 0.00316, 0.001])


def compared(measured, recorded=BASE, *, random=False, same=False, **options):
    return agreement(recorded, measured, random=random, same=same, **options)


def near(by, **more):
    return columns_of(np.array([20, 25, 30]) + by, (4, 5, 6), **more)


def test_equal_images_agree_bit_for_bit_in_whatever_order():
    shuffled = {name: values[::-1] for name, values in BASE.items()}
    found = compared(shuffled, same=True)
    assert (found.held, found.exact, found.largest_difference) == (True, True, 0)


@pytest.mark.parametrize(("by", "held"), [(SAME_MACHINE / 4, True), (SAME_MACHINE * 4, False)])
def test_on_the_same_machine_only_the_last_bits_may_differ(by, held):
    found = compared(near(by), same=True)
    assert (found.held, found.exact, found.tolerance) == (held, False, SAME_MACHINE)


@pytest.mark.parametrize(("by", "held"), [(FILTERS / 2, True), (FILTERS * 2, False)])
def test_elsewhere_every_image_of_a_filter_is_within_a_hundredth_of_a_decibel(by, held):
    found = compared(near(np.array([0, 0, by])))
    assert found.held is held
    assert found.largest_difference == pytest.approx(by, rel=1e-3)
    assert found.tolerance == FILTERS


@pytest.mark.parametrize(("by", "held"), [(TRAINED / 2, True), (TRAINED * 2, False)])
def test_elsewhere_the_mean_of_a_training_is_within_its_tolerance(by, held):
    assert compared(near(by), random=True).held is held
    assert compared(near(by), random=True, trained=1.0).held
    # Images may differ by more, as long as their mean does not.
    assert compared(near(np.array([1, -1, 0])), random=True).held


def test_an_error_that_is_off_is_found_though_the_psnr_agrees():
    found = compared(near(0.001, mse=[0.01, 0.00316, 0.002]))
    assert not found.held
    assert "its mse is not what its images have" in found.how


def test_other_noise_or_other_images_are_no_agreement():
    other = {**BASE, "digest": np.array([7, 8, 1], np.uint64)}
    assert "1 of 3 noisy images are others" in compared(other).how
    fewer = {name: values[:2] for name, values in BASE.items()}
    assert "other images" in compared(fewer).how


def test_early_records_without_digests_of_what_was_restored_agree_by_their_psnr():
    early = {name: values for name, values in BASE.items() if name != "restored"}
    assert compared(BASE, early).how == "every PSNR to the last digit"
    found = compared(near(0.5), early)
    assert not found.held


def test_undefined_values_have_to_be_undefined_again():
    recorded = columns_of([20, 25, 30], ssim=[0.5, np.nan, 0.7])
    assert compared(columns_of([20, 25, 30], ssim=[0.5, np.nan, 0.7]), recorded).held
    assert not compared(columns_of([20, 25, 30], ssim=[0.5, 0.6, 0.7]), recorded).held


@pytest.mark.parametrize("random", [False, True])
@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_values_that_a_record_leaves_out_do_not_hide_what_it_claims(random, hole):
    # Of a training the mean counts: a mean of the best image alone is none of all.
    found = compared(near(0.001), columns_of([hole, hole, 30]), random=random)
    assert not found.held
    # An infinite value is no leave to differ by any amount.
    recorded = columns_of([20, 25, 30], ssim=[hole, 0.99, 0.99])
    found = compared(columns_of([20, 25, 30], ssim=[0.5, 0.6, 0.7]), recorded, random=random)
    assert not found.held
    assert "it has no ssim of 1 of 3 images" in found.how


def test_an_infinite_value_is_a_verdict_and_no_crash():
    found = compared(near(0.001), columns_of([np.inf, 25, 30]))
    assert not found.held
    assert VerifiedCell(key="a", cell="b", **vars(found)).largest_difference < 1


# -- the command -----------------------------------------------------------------------------


def test_the_command_says_what_held_and_leaves_it_beside_the_pack(bench, pack, plugin):
    result = bench("verify", pack, "--methods", "median,halve", "--plugin", plugin)
    assert result.code == 0, result.err
    assert "held      median at gaussian 0.3: bit for bit" in result.out
    assert "Verified: 2 of 2 cells held" in result.out
    found = Verified.beside(pack)
    assert (found.held, found.asked, found.seed) == (2, 2, 0)
    assert found.methods == ["median", "halve"]
    assert found.versions["numpy"] == np.__version__


@pytest.mark.another_process
def test_the_command_has_limits_for_strangers_code(bench, fails, pack, tmp_path):
    other = tmp_path / "halve.py"
    other.write_text(
        HALVE.replace("return noisy", "import time\n    time.sleep(60)\n    return noisy")
    )
    done = bench("verify", pack, "--methods", "halve", "--plugin", other, "--timeout", "2",
                 "--memory-limit", "8GB")  # fmt: skip
    assert done.code == 10
    assert "NOT HELD  halve at gaussian 0.3: it fails here: it took longer than 2 s" in done.out
    assert "--memory-limit is a size such as" in fails(
        "verify", pack, "--memory-limit", "much", code=2
    )


def test_the_command_has_a_code_for_what_did_not_hold_and_one_for_nothing(bench, pack, tmp_path):
    (tmp_path / "halve.py").write_text(HALVE.replace("noisy / by", "noisy"))
    result = bench("verify", pack, "--methods", "halve", "--plugin", tmp_path / "halve.py")
    assert result.code == 10
    assert "NOT HELD  halve at gaussian 0.3" in result.out
    assert "Not verified: 1 of 1 cells did not hold" in result.out
    result = bench("verify", pack, "--methods", "halve")
    assert result.code == 4
    assert "Left out: 1 cell: unknown method 'halve'" in result.out


def test_a_folder_is_measured_again_too_but_nothing_is_written(bench, pack, tmp_path):
    run = open_run(pack)
    result = bench("verify", run.path, "--methods", "median")
    assert result.code == 0
    assert "Nothing is written" in result.out
