"""The commands in odd situations: signals, files that are no files, odd names, and consoles that can show little."""

import os
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="the command line is not installed: pip install 'tinyseq[cli]'")
pytest.importorskip("safetensors", reason="model files are not installed: pip install 'tinyseq[io]'")

from typer.testing import CliRunner

import tinyseq as ts
from tinyseq.commands.main import app
from tinyseq.io import check_output

ROOT = Path(__file__).resolve().parent.parent
# Ctrl-C raises KeyboardInterrupt, also if the tests run in the background, where it is ignored, as SIGHUP is by nohup.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.{})
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
from tinyseq.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of Unix")
@pytest.mark.parametrize(
    ("name", "interrupt"),
    [
        ("SIGINT", "default_int_handler"),
        ("SIGTERM", "default_int_handler"),
        ("SIGHUP", "default_int_handler"),
        ("SIGTERM", "SIG_IGN"),
    ],
)
def test_a_command_that_is_stopped_says_so_and_leaves_no_file(tmp_path, name, interrupt):
    ts.tagging.HMMTagger(n=2).fit([[("the", "DET"), ("cat", "NOUN")]]).save(tmp_path / "m.tag")
    words = ["tag", "tag", "m.tag", "--file", "-", "--out", "tagged"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(interrupt), *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not [*tmp_path.glob(".tagged.*")] and process.poll() is None:  # it waits for its input then
        time.sleep(0.005)
    number = getattr(signal, name)
    process.send_signal(number)
    assert process.communicate()[1] == "tinyseq: stopped\n"
    assert process.returncode == 128 + number
    assert [file.name for file in tmp_path.iterdir()] == ["m.tag"]


@pytest.fixture
def tinyseq(tmp_path, monkeypatch):
    """Run a command in a folder with a small tagger, a text and a file to tag: exit status, output and error text."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    ts.tagging.HMMTagger(n=2).fit([[("the", "DET"), ("cat", "NOUN")]]).save("m.tag")
    Path("text.txt").write_text("so long and thanks for all the fish. " * 4)
    Path("plain.conllu").write_text("1\tthe\t_\t_\t_\t_\t_\t_\t_\t_\n\n")

    def run(*words):
        result = CliRunner().invoke(app, words)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


WRITING = {
    "lm train": ("lm", "train", "text.txt", "--model", "ngram"),
    "tag tag": ("tag", "tag", "m.tag", "--file", "plain.conllu"),
    "notebooks": ("notebooks",),
    "figures": ("figures", "--chapter", "9"),
    "demo": ("demo",),
}


OUT = {
    "-": "- stands for standard output, to which this is not written; give the name of a file",
    "~/out": "~/out: there is no folder '~'; a shell expands ~ at the beginning of a word only",
    "text.txt/out": "text.txt",
}


@pytest.mark.parametrize(
    ("command", "out"),
    [pair for pair in product(WRITING, OUT) if pair != ("tag tag", "-")],  # the next test
)
def test_nothing_is_written_under_a_name_that_means_something_else(tinyseq, tmp_path, command, out):
    before = sorted(tmp_path.rglob("*"))
    status, _, error = tinyseq(*WRITING[command], "--out", out)
    assert (status, error.count("\n")) == (1, 1)
    assert OUT[out] in error
    assert out != "~/out" or f"write {tmp_path / 'home' / 'out'}" in error
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_tagged_goes_to_standard_output_by_its_sign(tinyseq, tmp_path):
    plain = tinyseq(*WRITING["tag tag"])
    assert "1\tthe\t_\tDET" in plain[1]
    assert tinyseq(*WRITING["tag tag"], "--out", "-")[:2] == plain[:2]
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("command", ["notebooks", "figures", "demo"])
def test_a_folder_that_is_a_file_is_one_line(tinyseq, command):
    status, _, error = tinyseq(*WRITING[command], "--out", "text.txt")
    assert (status, error) == (1, "tinyseq: --out text.txt is a file; give the name of a folder\n")


@pytest.mark.parametrize("words", [("lm", "train", "~/x", "--out", "m"), ("tag", "eval", "~/m.tag", "plain.conllu")])
def test_a_file_that_is_not_there_as_no_shell_has_expanded_its_name_is_said_to_be(tinyseq, tmp_path, words):
    status, _, error = tinyseq(*words)
    assert (status, error.count("\n")) == (1, 1)
    assert f"write {tmp_path / 'home'}" in error


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="there is no folder of open files")
def test_an_open_file_under_the_name_of_a_device_is_no_file_to_write(tmp_path):
    """As /dev/stdout is, where it is redirected: a file in its place would end the output of all programs."""
    with (tmp_path / "redirected.txt").open("w") as file, pytest.raises(OSError, match="is a device or a broken link"):
        check_output(f"/dev/fd/{file.fileno()}")


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        ("input", ("lm", "train", "-", "--out", "m", "--model", "ngram")),
        ("input", ("tag", "tag", "m.tag", "-")),
        ("input", ("tag", "eval", "m.tag", "-")),
        ("input", ("classify", "predict", "m.cls", "-")),
        ("output", WRITING["tag tag"]),
    ],
)
def test_a_closed_stream_is_one_line(tinyseq, monkeypatch, capsys, stream, words):
    ts.classify.NaiveBayes().fit(["warm", "dull"], ["good", "bad"]).save("m.cls")
    monkeypatch.setattr(sys, f"std{stream[:-3]}", None)
    assert app(list(words), standalone_mode=False) == 1
    assert capsys.readouterr().err == f"tinyseq: standard {stream} is closed; open it, or give the name of a file\n"
