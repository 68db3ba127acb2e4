"""A real notebook, with a kernel of its own."""

import pytest

nbclient = pytest.importorskip("nbclient", reason="pip install 'denoise-bench[test]'")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

CELLS = [
    "import bench\n"
    "run = bench.run('digits', methods='identity,median', noise=0.3, limit=10, out='results')",
    "run",
    "run.table()",
    "run.figure()",
    "@bench.method()\n"
    "def box(noisy):\n"
    "    return noisy\n"
    "try:\n"
    "    bench.run('digits', methods=[box], noise=0.3, limit=2)\n"
    "except bench.core.UsageError as error:\n"
    "    print(error)",
    "%%writefile box.py\nimport bench\n@bench.method()\ndef box(noisy):\n    return noisy",
    "import box as written\n"
    "sorted(bench.run('digits', methods=[written.box, 'identity'], noise=0.3, limit=2,"
    " out='results').cells().method)",
]


@pytest.mark.filterwarnings("ignore")  # of the kernel's own packages
def test_a_notebook_shows_progress_run_table_and_figure(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    outputs = [cell.outputs for cell in notebook.cells]

    def html(number):
        return [out.data.get("text/html", "") for out in outputs[number] if "data" in out]

    (bar,) = html(0)  # drawn again in its place
    assert '<progress value="2" max="2"' in bar
    assert "2 of 2 cells in " in bar
    (look,) = html(1)
    assert "10 test images of digits" in look
    assert "data:image/png;base64," in look
    (table,) = html(2)
    assert "PSNR (dB)" in table
    assert "±" in table
    (figure,) = (out for out in outputs[3] if "data" in out)
    assert "image/png" in figure.data
    (line,) = (out.text for out in outputs[4] if out.output_type == "stream")
    assert "'box' has no file" in line
    assert "%%writefile box.py" in line
    assert outputs[6][-1].data["text/plain"] == "['box', 'identity']"
