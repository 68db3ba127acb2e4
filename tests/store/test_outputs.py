"""Restored images that are kept: they come back to the last bit, or a line says what is wrong."""

import dataclasses
import json
import os
import random

import numpy as np
import pyarrow as pa
import pytest
from toy_runs import CELL, planned, record

import bench
from bench.core import StorageError, image_digests
from bench.doctor import examine_run
from bench.evaluation.memory import PeakMemory
from bench.store import OutputsWriter, outputs, planned_bytes, start_run
from bench.store.outputs import outputs_path

RNG = np.random.default_rng(0)
#: Positions, noise seed, images: of two shapes, with what packs well and what does not.
BATCHES = [
    (np.array([0, 2]), 0, np.zeros((2, 1, 5, 7), np.float32)),
    (np.array([1]), 0, RNG.random((1, 3, 9, 4), np.float32)),
]


def kept_run(path, batches=BATCHES, cell=CELL, **columns):
    """A run whose one cell has these outputs."""
    images = max(int(positions.max()) for positions, _, _ in batches) + 1
    manifest = planned([cell])
    manifest.dataset.sizes.test = images
    run = start_run(path, manifest)
    with OutputsWriter(run.path, cell.key) as writer:
        for batch in batches:
            writer.add(*batch)
    positions = np.concatenate([positions for positions, _, _ in batches])
    made = record(columns={
        "image": positions,
        **{name: np.full(len(positions), 0.5) for name in ("mse", "psnr", "ssim")},
        "digest": np.arange(len(positions), dtype=np.uint64),
        "restored": np.concatenate([image_digests(images) for _, _, images in batches]),
        **columns,
    })  # fmt: skip
    made.cell = cell
    run.write(made)
    return bench.open_run(run.path)


def equal(found, batches):
    found = list(found)
    assert [kept.noise_seed for kept in found] == [seed for _, seed, _ in batches]
    for kept, (positions, _, images) in zip(found, batches, strict=True):
        np.testing.assert_array_equal(kept.positions, positions)
        np.testing.assert_array_equal(kept.images, images)
        assert kept.images.dtype == np.float32
        assert kept.images.flags.writeable  # torch warns of what is not


def test_outputs_come_back_as_they_were(tmp_path):
    run = kept_run(tmp_path / "run")
    assert run.has_outputs(CELL.key)
    equal(run.outputs(CELL.key), BATCHES)
    run.verify(CELL.key)


def test_outputs_of_several_noise_seeds_come_back(tmp_path):
    cell = dataclasses.replace(CELL, noise_seeds=(3, 1))
    batches = [(p, seed, images + seed) for p, _, images in BATCHES for seed in (3, 1)]
    seeds = np.concatenate([np.full(len(p), seed) for p, seed, _ in batches])
    parts = {"bias2": np.zeros(len(seeds)), "variance": np.zeros(len(seeds))}
    run = kept_run(tmp_path / "run", batches, cell, noise_seed=seeds, **parts)
    equal(run.outputs(cell.key), batches)


def test_a_run_without_outputs_says_so(tmp_path):
    run = start_run(tmp_path / "run", planned())
    run.write(record(columns={"restored": np.arange(3, dtype=np.uint64)}))
    assert not run.has_outputs(CELL.key)
    with pytest.raises(StorageError, match="outputs were not kept"):
        list(run.outputs(CELL.key))
    run.verify(CELL.key)
    assert not (run.path / "outputs").exists()


def test_outputs_are_there_as_a_whole_or_not_at_all(tmp_path):
    run = start_run(tmp_path / "run", planned())
    with pytest.raises(AttributeError), OutputsWriter(run.path, CELL.key) as writer:
        writer.add(BATCHES[0][0], 0, None)
    writer = OutputsWriter(run.path, CELL.key)
    writer.add(*BATCHES[0])
    assert not outputs_path(run.path, CELL.key).exists()
    writer.discard()
    writer.discard()
    assert list((run.path / "outputs").iterdir()) == []
    writer = OutputsWriter(run.path, CELL.key)
    writer.add(*BATCHES[0])
    writer.commit()
    writer.discard()  # too late
    assert outputs_path(run.path, CELL.key).exists()


def test_outputs_of_cells_without_a_result_are_removed_when_the_run_goes_on(tmp_path):
    other = dataclasses.replace(CELL, seed=8)
    run = kept_run(tmp_path / "run")
    run.update_manifest(cells=[CELL.key, other.key])
    with OutputsWriter(run.path, other.key) as writer:
        writer.add(*BATCHES[0])
    assert not run.has_outputs(other.key)
    killed = OutputsWriter(run.path, other.key)
    killed.add(*BATCHES[0])
    assert len(list((run.path / "outputs").iterdir())) == 3
    assert any("1 file in outputs/ without" in seen.text for seen in examine_run(run.path))
    again = planned([CELL, other])
    again.dataset.sizes.test = 3
    start_run(run.path, again)
    assert [p.stem for p in (run.path / "outputs").iterdir()] == [CELL.key]
    killed.discard()
    start_run(run.path, again, fresh=True)
    assert not (run.path / "outputs").exists()


def lines(run):
    """The file's chunks: what each says of itself, and its bytes."""
    found = []
    with outputs_path(run.path, CELL.key).open("rb") as file:
        while line := file.readline():
            said = json.loads(line)
            found.append((said, file.read(said["bytes"])))
    return found


def rewrite(run, chunks):
    data = b"".join(json.dumps(said).encode() + b"\n" + content for said, content in chunks)
    outputs_path(run.path, CELL.key).write_bytes(data)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda chunks: chunks[:1], "it lacks 1 images"),
        (lambda chunks: [*chunks, chunks[0]], "an image that was not scored, or one twice"),
        (lambda chunks: [said(chunks[0], image=[0, 0])], "was not scored, or one twice"),
        (lambda chunks: [said(chunks[0], image=[0, 7])], "was not scored, or one twice"),
        (lambda chunks: [said(chunks[0], noise_seed=5)], "was not scored, or one twice"),
        (lambda chunks: [said(chunks[0], image=[2, 1])], "is not the one that was scored"),
        (lambda chunks: [said(chunks[0], shape=[1, 7, 5])], "is not the one that was scored"),
        (lambda chunks: [said(chunks[1], shape=[3, 4, 9])], "image 1 is not the one that was sco"),
        (lambda chunks: [said(chunks[0], shape=[1, 2**20, 2**20])], "unpacks to 8,796,093,"),
        (lambda chunks: [said(chunks[0], shape=[1, 600, 2000])], "unpacks to 9,600,000 bytes"),
        (lambda chunks: [said(chunks[0], shape=[0, 5, 7])], "shape: 0: Input should be greater"),
        (lambda chunks: [said(chunks[0], shape=[35])], "shape: List should have at least 3"),
        (lambda chunks: [said(chunks[0], image=[])], "image: List should have at least 1"),
        (lambda chunks: [said(chunks[0], bytes=2**40)], "larger packed than unpacked"),
        (lambda chunks: [said(chunks[0], bytes=280)], "it ends within a chunk"),
        (lambda chunks: [(chunks[1][0], chunks[1][1][:-1])], "it ends within a chunk"),
        (lambda chunks: [({**chunks[0][0], "bytes": 5}, b"12345")], "damaged"),
    ],
)
def test_what_is_not_what_was_scored_is_refused(tmp_path, change, why):
    run = kept_run(tmp_path / "run")
    rewrite(run, change(lines(run)))
    with pytest.raises(StorageError, match=why):
        list(run.outputs(CELL.key))
    assert any(seen.wrong and "bench score" in seen.text for seen in examine_run(run.path))


def said(chunk, **changes):
    return {**chunk[0], **changes}, chunk[1]


def test_mutated_outputs_give_one_line_or_the_same_images(tmp_path):
    run = kept_run(tmp_path / "run")
    path = outputs_path(run.path, CELL.key)
    data, rng, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(300):
        place, length = rng.randrange(len(data)), rng.randrange(1, 40)
        path.write_bytes(
            rng.choice([
                data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :],
                data[:place],
                data[:place] + data[place + length :],
                data[:place] + rng.randbytes(length) + data[place + length :],
                data + rng.randbytes(length),
            ])
        )  # fmt: skip
        try:
            equal(run.outputs(CELL.key), BATCHES)
        except StorageError:
            refused += 1
    assert refused > 250


def test_a_bomb_takes_no_memory(tmp_path):
    """Zeros, of which next to nothing is stored, and more of them than a chunk may have."""
    run = kept_run(tmp_path / "run")
    packed = pa.Codec("lz4_raw").compress(bytes(2**28), asbytes=True)
    about = {"image": [0, 2], "noise_seed": 0, "shape": [1, 2**13, 2**12], "bytes": len(packed)}
    rewrite(run, [(about, packed)])
    with PeakMemory() as memory, pytest.raises(StorageError, match="unpacks to 268,435,456"):
        list(run.outputs(CELL.key))
    assert (memory.growth or 0) < 2**26


def test_links_are_not_followed(tmp_path):
    run = kept_run(tmp_path / "run")
    path = outputs_path(run.path, CELL.key)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="is a link"):
        list(run.outputs(CELL.key))
    path.unlink()
    (run.path / "outputs").rename(tmp_path / "folder")
    (run.path / "outputs").symlink_to(tmp_path / "folder")
    with pytest.raises(StorageError, match="is a link"):
        bench.open_run(run.path)


def test_a_batch_is_read_in_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "_VALUES", 100)
    images = RNG.random((11, 1, 5, 7), np.float32)
    run = kept_run(tmp_path / "run", [(np.arange(11), 0, images)])
    sizes = [len(kept.positions) for kept in run.outputs(CELL.key)]
    assert max(sizes) == 2
    assert sum(sizes) == 11


def test_an_image_that_would_not_be_read_again_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "LARGEST", 400)
    run = start_run(tmp_path / "run", planned())
    with (
        pytest.raises(StorageError, match="a restored image takes 432 bytes"),
        OutputsWriter(run.path, CELL.key) as writer,
    ):
        writer.add(*BATCHES[1])
    assert list((run.path / "outputs").iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_named(tmp_path, monkeypatch):
    run = start_run(tmp_path / "run", planned())
    writer = OutputsWriter(run.path, CELL.key)
    writer._file.close()
    writer._file = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115
    with pytest.raises(StorageError, match=r"cannot write .*No space left on device; make room"):
        writer.add(*BATCHES[1])
    writer._file.close()
    assert list((run.path / "outputs").iterdir()) == []


def test_outputs_take_no_more_than_was_said(tmp_path):
    shapes = [(1, 28, 28)] * 40 + [(3, 50, 41), (1, 1, 1)]
    run = start_run(tmp_path / "run", planned())
    with OutputsWriter(run.path, CELL.key) as writer:
        for seed in (0, 10**9):
            for position, shape in enumerate(shapes):  # one by one: nothing takes more room
                writer.add(np.array([position]), seed, RNG.random((1, *shape), np.float32))
    size = outputs_path(run.path, CELL.key).stat().st_size
    sizes = [int(np.prod(shape)) for shape in shapes]
    assert 2 * 4 * sum(sizes) < size <= planned_bytes(sizes, cells=1, noise_seeds=2)
    assert planned_bytes(sizes, cells=3) * 2 == 3 * planned_bytes(sizes, cells=1, noise_seeds=2)
