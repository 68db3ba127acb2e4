"""What the protocol promises of MNIST, on the real images."""

import pytest

import bench


def test_the_noisy_image_scores_what_the_protocol_says(mnist_dir, tmp_path):
    run = bench.run(
        "mnist", methods=["identity"], noise=[0.1, 0.3, 0.5], data_dir=mnist_dir, out=tmp_path
    )
    records = run.records()
    assert len(records) == 30_000
    psnr = records.groupby("level")["psnr"].mean()
    for level, expected in ((0.1, 22.66), (0.3, 13.32), (0.5, 9.37)):
        assert psnr[level] == pytest.approx(expected, abs=0.1)
    assert records.query("level == 0.3")["ssim"].mean() == pytest.approx(0.583, abs=0.005)


def test_mnist_on_disk_is_the_default(mnist_dir, tmp_path):
    run = bench.run(methods=["identity"], noise=0.3, limit=5, data_dir=mnist_dir, out=tmp_path)
    assert run.manifest.dataset.name == "mnist"
    assert run.manifest.dataset.note == ""
    assert len(run.samples(run.cells()["key"][0])["image"]) == 5


@pytest.mark.parametrize(("method", "level", "floor"), [("vae", 0.5, 15.5), ("dae", 0.3, 16.0)])
def test_even_the_quick_preset_denoises(mnist_dir, tmp_path, method, level, floor):
    run = bench.run(
        "mnist",
        methods=[method],
        noise=level,
        preset="quick",
        limit=1000,
        data_dir=mnist_dir,
        out=tmp_path,
    )
    assert run.records()["psnr"].mean() > floor
