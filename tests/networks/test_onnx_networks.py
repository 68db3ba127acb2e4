"""Networks in ONNX: convolutions of known weights, written node by node."""

import numpy as np
import pytest

from bench import Unsupported
from bench.networks import open_network

reason = "needs onnxruntime: pip install 'denoise-bench[checkpoint]'"
pytest.importorskip("onnxruntime", reason=reason)
onnx = pytest.importorskip("onnx", reason="needs onnx: pip install onnx")

from onnx import TensorProto, helper  # noqa: E402

FREE = ("n", "c", "h", "w")


def images(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


@pytest.fixture
def written(tmp_path):
    """Writes a model of nodes; `weights` by name."""

    def write(nodes, inputs, weights=None, output=FREE):
        graph = helper.make_graph(
            nodes, "network", inputs, [images("restored", output)],
            [onnx.numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        path = tmp_path / "network.onnx"
        onnx.save_model(model, path)
        return str(path)

    return write


def half(shape=FREE, kind=TensorProto.FLOAT):
    """A network that halves its images."""
    two = helper.make_node("Constant", [], ["two"], value_float=2.0)
    return [two, helper.make_node("Div", ["noisy", "two"], ["restored"])], [
        images("noisy", shape, kind)
    ]


NOISY = np.random.default_rng(0).random((3, 1, 7, 9), np.float32)


def test_it_restores(written):
    network = open_network(written(*half()))
    np.testing.assert_allclose(network.restore(NOISY, 0.1), NOISY / 2)
    assert not network.takes_level


@pytest.mark.parametrize(
    "shape", [("n",), ("n", 1, 1, 1), ("n", 1, "h", "w"), (1,), ()], ids=str
)  # fmt: skip
def test_a_second_input_is_the_noise_level(written, shape):
    nodes = [helper.make_node("Add", ["noisy", "level"], ["restored"])]
    inputs = [images("noisy", FREE if shape != ("n",) else (1, *FREE[1:])), images("level", shape)]
    network = open_network(written(nodes, inputs))
    assert network.takes_level
    np.testing.assert_allclose(network.restore(NOISY, 0.25), NOISY + 0.25, rtol=1e-6)


def test_one_channel_more_is_a_map_of_the_level(written):
    weights = np.float32([1, 2]).reshape(1, 2, 1, 1)  # the image and twice the level
    nodes = [helper.make_node("Conv", ["noisy", "kernel"], ["restored"])]
    network = open_network(
        written(nodes, [images("noisy", ("n", 2, "h", "w"))], {"kernel": weights})
    )
    assert (network.channels, network.takes_level) == (1, True)
    np.testing.assert_allclose(network.restore(NOISY, 0.25), NOISY + 0.5, rtol=1e-6)


def test_images_go_in_by_as_many_as_it_takes(written):
    one_by_one = open_network(written(*half((1, "c", "h", "w"))))
    np.testing.assert_allclose(one_by_one.restore(NOISY, 0.1), NOISY / 2)
    with pytest.raises(Unsupported, match="takes 2 images at once only: export it with dynamic"):
        open_network(written(*half((2, "c", "h", "w")))).restore(NOISY, 0.1)


def test_a_model_of_fixed_size_takes_that_alone(written):
    network = open_network(written(*half(("n", 1, 7, 9))))
    np.testing.assert_allclose(network.restore(NOISY, 0.1), NOISY / 2)
    with pytest.raises(Unsupported, match="takes images 9 pixels wide only; these have 8"):
        network.restore(NOISY[..., :8], 0.1)
    with pytest.raises(Unsupported, match="takes grey images"):
        network.restore(np.repeat(NOISY, 3, axis=1), 0.1)


def test_super_resolution_is_refused(written):
    scales = np.float32([1, 1, 2, 2])
    nodes = [helper.make_node("Resize", ["noisy", "", "scales"], ["restored"])]
    network = open_network(written(nodes, [images("noisy", FREE)], {"scales": scales}))
    with pytest.raises(Unsupported, match="enlarges images 2 times: it is for super-resolution"):
        network.restore(NOISY, 0.1)


@pytest.mark.parametrize(
    ("shape", "kind", "says"),
    [
        (("n", 3, 5, "h", "w"), TensorProto.FLOAT, "takes arrays of 5 axes: it is for video"),
        (("n", 256), TensorProto.FLOAT, "takes arrays of 2 axes: it is not for images"),
        (("n", "h", "w", 3), TensorProto.FLOAT16, "is not of float32"),
        ((1, 256, 256, 3), TensorProto.FLOAT, "takes 256 channels, which come second: 1 or 3"),
    ],
    ids=["video", "vectors", "half", "channels last"],
)
def test_other_inputs_are_refused(written, shape, kind, says):
    nodes = [helper.make_node("Identity", ["noisy"], ["restored"])]
    inputs = [images("noisy", shape, kind)]
    graph = helper.make_graph(nodes, "network", inputs, [images("restored", shape, kind)])
    file = written(*half())
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save_model(model, file)
    with pytest.raises(Unsupported, match=says):
        open_network(file)


def test_a_damaged_model_is_refused(tmp_path, written):
    whole = (tmp_path / "network.onnx", written(*half()))[0].read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"<!DOCTYPE html>"):
        (tmp_path / "cut.onnx").write_bytes(content)
        with pytest.raises(Unsupported, match=r"cut\.onnx is no ONNX model, or damaged") as raised:
            open_network(str(tmp_path / "cut.onnx"))
        assert "\n" not in str(raised.value)


def test_weights_in_another_file_are_refused(tmp_path, written):
    """That file has no digest: it could be exchanged without notice."""
    kernel = np.ones((1, 1, 64, 64), np.float32)
    nodes = [helper.make_node("Conv", ["noisy", "kernel"], ["restored"])]
    file = written(nodes, [images("noisy", FREE)], {"kernel": kernel})
    onnx.save_model(
        onnx.load(file), file, save_as_external_data=True, location="weights", size_threshold=0
    )
    with pytest.raises(Unsupported, match="has its weights in another file: save it as one"):
        open_network(file)


def test_a_gpu_that_is_not_there_is_said(written):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime has a GPU here")
    with pytest.raises(Unsupported, match="pip install onnxruntime-gpu, or give --device cpu"):
        open_network(written(*half()), "cuda")
