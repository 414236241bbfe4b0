"""A file that could not be written is refused before the work whose result it shall keep."""

import importlib
import os
import sys
from pathlib import Path

import pytest

import tinyseq as ts
from tinyseq.io import atomic_write, check_model_output, check_output
from tinyseq.viz.rendering.drawing import check_picture

pytest.importorskip("safetensors", reason="safetensors is not installed")

TEXT = "so long and thanks for all the fish. " * 40
CONLLU = "1\tthe\t_\tDET\t_\t_\t_\t_\t_\t_\n2\tcat\t_\tNOUN\t_\t_\t_\t_\t_\t_\n\n"
LONG = "m" * 250 + ".svg"  # fits into a folder's entry, but not with what a temporary file's name adds

# The path, and what the error says of it.
BAD = {
    "a folder": ("folder", "folder is a folder; give the name of a file"),
    "a folder above is a file": (
        "text.txt/m.svg",
        r"text\.txt/m\.svg cannot be written in the folder .*text\.txt: not a",
    ),
    "far below a file": ("text.txt/a/b/m.svg", "cannot be written in the folder .*text.txt: not a directory"),
    "a device": (os.devnull, "null is a device or a broken link"),
    "a broken link": ("broken.svg", "broken.svg is a device or a broken link"),
    "unwritable": ("/proc/m.svg", "cannot be written in the folder /proc: "),
    "too long": (LONG, "cannot be written in the folder .*: file name too long"),
}
if not Path("/proc/self").exists():
    del BAD["unwritable"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "train.conllu").write_text(CONLLU)
    (tmp_path / "labelled.tsv").write_text("good\twarm\nbad\tdull\n")
    for ending in ("svg", "csv"):
        (tmp_path / f"broken.{ending}").symlink_to("nowhere")
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("bad", list(BAD))
def test_it_is_refused_and_nothing_is_touched(folder, bad):
    path, message = BAD[bad]
    before = contents(folder)
    for call in (
        lambda: check_output(path),
        lambda: check_model_output(path),
        lambda: atomic_write(path, lambda temporary: pytest.fail("the work was begun")),
        lambda: ts.save({"w": ts.ones(2)}, path),
        lambda: ts.lm.RNNLM("ab", 2).save(path),
        lambda: ts.train.Checkpoint(path, ts.nn.Linear(1, 1)),
        lambda: ts.lm.RNNLM("ab", 2).fit_steps("abab", steps=1, checkpoint=path),
        lambda: ts.tagging.RNNTagger().fit([[("a", "X")]], checkpoint=path),
        lambda: check_picture(path) if path.endswith(".svg") else check_output(path),
        lambda: ts.viz.Drawing("digraph {}").save(path) if path.endswith(".svg") else check_output(path),
    ):
        with pytest.raises(OSError, match=message):
            call()
    assert contents(folder) == before


@pytest.mark.parametrize("path", ["m.svg", "new/folders/m.svg", "folder/m.svg", "text.txt", "m"])
def test_what_can_be_written_is_left_alone(folder, path):
    before = contents(folder)
    assert check_output(path) == Path(path)
    assert contents(folder) == before
    atomic_write(path, lambda temporary: temporary.write_text("whole"))
    assert Path(path).read_text() == "whole"


def test_a_link_stays_and_a_file_keeps_its_permissions(folder):
    """Of a log, too, which is written again as a run resumes."""
    Path("link.csv").symlink_to("folder/real.csv")
    Path("folder/real.csv").write_text("step,loss\n1,0.5\n2,0.4\n")
    Path("folder/real.csv").chmod(0o640)
    leftover = Path("folder/.link.csv.x.unfinished")
    leftover.touch()
    log = ts.train.Log("link.csv")
    log.load_state_dict({"step": 1})
    atomic_write("link.csv", lambda temporary: temporary.write_text(Path("link.csv").read_text() + "end"))
    assert Path("link.csv").readlink() == Path("folder/real.csv")
    assert Path("folder/real.csv").read_text() == "step,loss\n1,0.5\nend"
    assert Path("folder/real.csv").stat().st_mode & 0o777 == 0o640
    assert not leftover.exists()


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="there is no /dev/fd")
def test_a_link_to_redirected_output_is_a_link_to_a_device(folder):
    with open("text.txt") as file:
        Path("link.svg").symlink_to(f"/dev/fd/{file.fileno()}")
        with pytest.raises(OSError, match=r"link\.svg is a device or a broken link"):
            check_output("link.svg")


@pytest.mark.parametrize("read", ["text.txt", "./folder/../text.txt"])
def test_an_input_is_not_overwritten(folder, read):
    with pytest.raises(ValueError, match=r"--out text\.txt is also an input file and would be overwritten"):
        check_output("text.txt", "--out", inputs=["other", read])
    Path("link.txt").symlink_to("text.txt")
    with pytest.raises(ValueError, match="would be overwritten"):
        check_output("link.txt", inputs=[read])


def test_a_log_is_checked_when_it_is_made(folder):
    Path("folder.csv").mkdir()
    with pytest.raises(IsADirectoryError, match=r"the log folder\.csv is a folder"):
        ts.train.Log("folder.csv")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_log_on_a_full_disk_is_named(folder):
    log = ts.train.Log("log.csv")
    log.path = Path("/dev/full")
    with pytest.raises(OSError, match="/dev/full cannot be written: no space left on device"):
        log(ts.train.Report(1, 0.4, 1.0, 100.0, 2.0, 0.01))


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be deleted")
def test_a_deleted_working_folder_is_named(folder, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError, match=r"m\.lm: the working folder has been deleted; go to another one"):
        check_model_output("m.lm", inputs=["a.txt"])


@pytest.fixture
def tinyseq(folder, monkeypatch):
    """Run a command; training, tagging and drawing make the test fail."""
    typer = pytest.importorskip("typer.testing", reason="the command line is not installed")
    from tinyseq.commands.main import app

    places = {
        "models.language": ["RNNLM", "WindowLM"],
        "models.tagging": ["HMMTagger"],
        "models.classification": ["NaiveBayes", "RNNClassifier"],
    }
    for place, works in (places | {"demo": ["spell_hello", "decode"], "draw": ["character_loss"]}).items():
        for work in works:
            begun = lambda *args, **kwargs: pytest.fail("the work was begun")
            monkeypatch.setattr(importlib.import_module(f"tinyseq.commands.{place}"), work, begun)

    def run(*words):
        result = typer.CliRunner().invoke(app, [str(word) for word in words])
        return result.exit_code, result.stderr

    return run


COMMANDS = {
    "lm train": ["lm", "train", "text.txt", "--out"],
    "its log": ["lm", "train", "text.txt", "--out", "m.lm", "--log"],
    "its checkpoint": ["lm", "train", "text.txt", "--out", "m.lm", "--checkpoint"],
    "tag train": ["tag", "train", "train.conllu", "--out"],
    "classify train": ["classify", "train", "labelled.tsv", "--out"],
    "its network's log": ["classify", "train", "labelled.tsv", "--model", "rnn", "--out", "m", "--log"],
    "draw rnn": ["draw", "rnn", "--out"],
    "draw trellis": ["draw", "trellis", "--out"],
}


@pytest.mark.parametrize("bad", list(BAD))
@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_refuses_it_in_one_line(tinyseq, folder, command, bad):
    before = contents(folder)
    path = BAD[bad][0].replace(".svg", ".csv" if command.endswith("log") else ".svg")
    status, error = tinyseq(*COMMANDS[command], path)
    assert (status, error.count("\n")) == (1, 1)
    option = command.split()[-1] if command.startswith("its ") else "out"
    assert error.startswith(f"tinyseq: --{option} {path}") or (
        not Path(path).suffix
        and (
            ("draw" in command and f"{Path(path).name!r}: the file's ending must be one of" in error)
            or ("log" in command and f"--log must end in .csv or .jsonl, got {path!r}" in error)
        )
    )
    assert contents(folder) == before


@pytest.mark.parametrize(
    "words",
    [
        ["lm", "train", "text.txt", "--out", "./text.txt"],
        ["lm", "train", "text.txt", "train.conllu", "--out", "m.lm", "--checkpoint", "train.conllu"],
        ["lm", "train", "text.txt", "--out", "run", "--checkpoint", "run"],
        ["tag", "train", "train.conllu", "--out", "train.conllu"],
        ["classify", "train", "labelled.tsv", "--out", "labelled.tsv"],
    ],
)
def test_no_command_overwrites_what_it_reads(tinyseq, folder, words):
    before = contents(folder)
    status, error = tinyseq(*words)
    assert (status, error.count("\n")) == (1, 1)
    assert "would be overwritten; choose another name" in error
    assert contents(folder) == before


@pytest.mark.parametrize("command", ["lm train", "tag train", "its checkpoint"])
def test_a_missing_safetensors_is_said_before_work_begins(tinyseq, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    status, error = tinyseq(*COMMANDS[command], "m.model")
    assert (status, error) == (1, 'tinyseq: model files need safetensors: pip install "tinyseq[io]"\n')


def test_a_drawing_of_an_unknown_kind_is_said_before_work_begins(tinyseq):
    status, error = tinyseq("draw", "rnn", "--out", "picture.jpg")
    assert (status, error.count("\n")) == (1, 1)
    assert "cannot save a drawing as 'picture.jpg': the file's ending must be one of .svg, .png" in error


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("text.txt", "--out text.txt is a file; give the name of a folder"),
        ("folder", "--out folder/samples.txt is a folder"),
        ("/proc/demo", "/proc/demo"),
    ],
)
def test_the_demonstration_looks_at_its_folder_first(tinyseq, folder, out, message):
    (folder / "folder" / "samples.txt").mkdir()
    before = contents(folder)
    status, error = tinyseq("demo", "--out", out)
    assert (status, error.count("\n")) == (1, 1)
    assert message in error
    assert contents(folder) == before


@pytest.mark.parametrize("time", [1, 2])  # as the path is checked, and as the file is begun
def test_ctrl_c_leaves_no_unfinished_file(folder, monkeypatch, time):
    before, closed = contents(folder), []

    def interrupted(handle, close=os.close):
        close(handle)
        closed.append(handle)
        if len(closed) == time:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_write("m.lm", lambda temporary: None)
    monkeypatch.undo()
    assert contents(folder) == before
