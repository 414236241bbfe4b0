"""Model files: whole or not at all, never executed, and readable by others."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from oracles import Tied, oracle

import tinyseq as ts
from tinyseq.io import ModelFileError, atomic_write, load_with_metadata
from tinyseq.io.models import MODELS

pytest.importorskip("safetensors", reason="safetensors is not installed")

from safetensors import safe_open
from safetensors.numpy import save_file


def test_round_trip_with_metadata(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array([1, 2], dtype=np.int32), "c": np.float32(1.5)}
    ts.save(arrays, tmp_path / "m.safetensors", {"kind": "test", "größe": [1, None]})
    found, metadata = load_with_metadata(tmp_path / "m.safetensors", "test")
    assert metadata == {"kind": "test", "größe": [1, None]}
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_pytorch_reads_ours_and_we_read_pytorchs(tmp_path, kind):
    torch = oracle("torch")
    from safetensors.torch import load_file, save_file

    class Tagger:
        def __init__(self, library):
            super().__init__()
            self.embedding = library.nn.Embedding(5, 2)
            self.recurrent = getattr(library.nn, kind)(2, 3, num_layers=2, bidirectional=True)
            self.norm = library.nn.LayerNorm(6)
            self.output = library.nn.Linear(6, 4)

    theirs = type("Theirs", (Tagger, torch.nn.Module), {})
    ours = type("Ours", (Tagger, ts.nn.Module), {})(ts)
    given, found = theirs(torch), theirs(torch)
    save_file(given.state_dict(), tmp_path / "theirs.safetensors")
    ours.load_state_dict(ts.load(tmp_path / "theirs.safetensors"))
    ts.save(ours.state_dict(), tmp_path / "ours.safetensors")
    found.load_state_dict(load_file(tmp_path / "ours.safetensors"))
    for name, value in given.state_dict().items():
        assert torch.equal(found.state_dict()[name], value)


def test_shared_weights_go_to_pytorch_and_come_back(tmp_path):
    torch = oracle("torch")
    from safetensors.torch import load_model, save_model

    ours, theirs = Tied.of(ts.nn), Tied.of(torch.nn)
    save_model(theirs, tmp_path / "theirs.safetensors")
    ours.load_state_dict(ts.load(tmp_path / "theirs.safetensors"))
    assert np.array_equal(ours.embedding.weight.numpy(), theirs.output.weight.detach().numpy())
    ours.embedding.weight.copy_(ours.embedding.weight.numpy() + 1)
    ts.save(ours.state_dict(), tmp_path / "ours.safetensors")
    assert load_model(theirs, tmp_path / "ours.safetensors") == (set(), [])
    assert np.array_equal(ours.output.weight.numpy(), theirs.output.weight.detach().numpy())


@pytest.mark.parametrize("damage", ["empty", "foreign", "truncated", "pickle", "not there"])
def test_a_damaged_file_is_a_clear_error(tmp_path, damage):
    path = tmp_path / "m.safetensors"
    ts.save({"a": np.ones(100)}, path)
    whole = path.read_bytes()
    contents = {"empty": b"", "foreign": b"hello\n" * 50, "truncated": whole[:-10], "pickle": pickle.dumps([1] * 99)}
    if damage == "not there":
        path.unlink()
    else:
        path.write_bytes(contents[damage])
    found = {
        "empty": "is empty; expected a model file",
        "foreign": "is a text file that begins with 'hello",
        "truncated": "not a complete safetensors file: damaged, or cut off",
        "pickle": "is a pickle",
        "not there": "no such file",
    }
    with pytest.raises(ModelFileError, match=rf"m\.safetensors: {found[damage]}"):
        ts.load(path)


def test_numbers_that_numpy_lacks_are_named(tmp_path):
    torch = oracle("torch")
    from safetensors.torch import save_file

    save_file({"w": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "m.safetensors")
    with pytest.raises(ModelFileError, match=r"numbers that NumPy lacks .*bfloat16.*; save them as float32"):
        ts.load(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("state", "metadata", "message"),
    [
        (ts.nn.Linear(1, 1), None, r"a dictionary of arrays by name, got Linear; give its state_dict\(\)"),
        ([1.0], None, "a dictionary of arrays by name, got list$"),
        ({"a": {"b": 1.0}}, None, "arrays of real numbers by name, got object for 'a'"),
        ({"a": np.array(["x"])}, None, "got <U1 for 'a'"),
        ({"a": np.ones(2) * 1j}, None, "got complex128 for 'a'"),
        ({1: np.ones(2)}, None, "got float64 for 1"),
        ({"a": np.ones(2, dtype=np.longdouble)}, None, "real numbers by name, got (float128|float96) for 'a'"),
        ({"__metadata__": np.ones(2)}, None, "'__metadata__', a name that safetensors reserves; choose another"),
        ({"a": np.ones(2)}, {"f": print}, "metadata must be a JSON value: .*builtin_function"),
    ],
    ids=[
        "module",
        "list",
        "nested",
        "strings",
        "complex",
        "number as name",
        "longdouble",
        "reserved",
        "function as metadata",
    ],
)
def test_what_cannot_be_saved_is_named_and_leaves_the_old_file(tmp_path, state, metadata, message):
    path = tmp_path / "m.safetensors"
    ts.save({"old": np.ones(1)}, path)
    with pytest.raises(TypeError, match=message):
        ts.save(state, path, metadata)
    assert list(ts.load(path)) == ["old"]


def test_a_bit_that_has_changed_is_noticed(tmp_path):
    path = tmp_path / "m.safetensors"
    ts.save({"b": np.arange(5.0), "a": np.arange(3, dtype="f4")[::-1]}, path, {"kind": "x"})
    whole = path.read_bytes()
    assert ts.load(path)["a"].tolist() == [2, 1, 0]
    for place in range(len(whole) - 5 * 8 - 3 * 4, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ModelFileError, match="damaged: checksum mismatch"):
            ts.load(path)


@pytest.mark.parametrize("bit", [0, 1, 4, 5])
def test_a_changed_bit_anywhere_is_noticed_or_changes_nothing(tmp_path, bit):
    """Of names, shapes and settings, too: 1.0 would be 3.0, and "good" be "Good"."""
    path = tmp_path / "m.safetensors"
    ts.save({"weight": np.ones((2, 0)), "bias": np.arange(3.0)}, path, {"alpha": 1.0, "classes": ["bad", "good"]})
    whole, (arrays, metadata) = path.read_bytes(), load_with_metadata(path)
    noticed = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        try:
            found, described = load_with_metadata(path)
        except ModelFileError:
            noticed += 1
            continue
        assert described in (metadata, {}), place  # {} as of a file that another library wrote
        assert {name: (a.dtype, a.shape, a.tolist()) for name, a in found.items()} == {
            name: (a.dtype, a.shape, a.tolist()) for name, a in arrays.items()
        }, place
    assert noticed > 0.9 * len(whole)


def test_a_file_whose_description_has_no_checksum_is_read(tmp_path):
    """As all files of before."""
    path, value = tmp_path / "m.safetensors", {"a": np.arange(3.0)}
    ts.save(value, path, {"kind": "x"})
    with safe_open(path, framework="numpy") as file:
        described, _ = json.loads(file.metadata()["tinyseq"])
    save_file(value, path, {"tinyseq": json.dumps(described)})
    assert load_with_metadata(path, "x")[0]["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("length", range(32))
def test_a_model_that_was_cut_off_is_no_pickle_whatever_its_first_byte(tmp_path, length):
    path = tmp_path / "m.safetensors"
    ts.save({"a": np.ones(3)}, path, {"name": "x" * 8 * length})
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelFileError, match="not a complete safetensors file: damaged, or cut off"):
        ts.load(path)


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_short_floats_of_pytorch_are_named(tmp_path, dtype):
    torch = oracle("torch")
    from safetensors.torch import save_file

    save_file({"w": torch.ones(2).to(getattr(torch, dtype))}, tmp_path / "m.safetensors")
    with pytest.raises(ModelFileError, match=r"numbers that NumPy lacks .*; save them as float32"):
        ts.load(tmp_path / "m.safetensors")


def test_a_folder_is_no_model_file(tmp_path):
    with pytest.raises(ModelFileError, match="is a folder; expected a model"):
        ts.load(tmp_path)


def test_a_model_cannot_be_read_from_a_device():
    with pytest.raises(ModelFileError, match="/dev/null: is a pipe or a device; write the model to a file first"):
        ts.load_model("/dev/null")


def with_header(header, data=b""):
    """A safetensors file with a header of one's own."""
    return len(header).to_bytes(8, "little") + header + data


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ((2**62).to_bytes(8, "little") + b"{}", "not a complete"),
        (with_header(b'{"a":{"dtype":"F64","shape":[9999999999],"data_offsets":[0,8]}}', bytes(8)), "not a complete"),
        (with_header(b'{"a":{"dtype":"F64","shape":[1],"data_offsets":[800,808]}}', bytes(8)), "not a complete"),
        (with_header(b'{"a":' * 5000), "not a complete"),
        (with_header(b'{"__metadata__":{"tinyseq":"' + b"[" * 100_000 + b'"}}'), "not a complete"),
        (with_header(b'{"__metadata__":{"tinyseq":"no JSON"}}'), "not a complete"),
        (with_header(b'{"__metadata__":{"tinyseq":"[1]"}}'), "its metadata is list, expected an object"),
    ],
    ids=["endless header", "huge array", "outside", "deep header", "deep metadata", "no JSON", "a list"],
)
def test_a_malicious_file_is_a_clear_error(tmp_path, contents, message):
    path = tmp_path / "m.safetensors"
    path.write_bytes(contents)
    with pytest.raises(ModelFileError, match=rf"m\.safetensors: {message}"):
        load_with_metadata(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_size": 10**7},
        {"hidden_size": 30_000},
        {"num_layers": 10**9},
        {"embedding_size": 10**12},
        {"hidden_size": -1},
        {"hidden_size": "8"},
        {"hidden_size": None},
        {"cell": "__import__('os')"},
        {"no_such": 1},
    ],
    ids=str,
)
def test_a_small_file_that_describes_another_or_a_huge_model_is_a_clear_error(tmp_path, settings):
    model = ts.lm.RNNLM("helo", hidden_size=8)
    model.save(path := tmp_path / "m.safetensors")
    arrays, metadata = load_with_metadata(path)
    metadata["settings"] |= settings
    ts.save(arrays, path, metadata)
    with pytest.raises(ModelFileError, match=r"m\.safetensors: the description of the RNNLM does not fit its arrays"):
        ts.lm.RNNLM.load(path)


def test_another_kind_of_model_is_refused(tmp_path):
    ts.save({"a": np.ones(1)}, tmp_path / "m.safetensors", {"kind": "one"})
    with pytest.raises(ModelFileError, match="holds one, expected another"):
        load_with_metadata(tmp_path / "m.safetensors", "another")


def test_a_file_is_on_the_disk_before_it_takes_the_old_ones_place(tmp_path, monkeypatch):
    """Or else a power cut could leave an empty one."""
    path, seen = tmp_path / "m.txt", []
    path.write_text("old")
    monkeypatch.setattr("tinyseq.io.files.os.fsync", lambda file: seen.append(path.read_text()))
    atomic_write(path, lambda temporary: temporary.write_text("new"))
    assert (seen, path.read_text()) == (["old"], "new")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "m.txt"
    path.write_text("old")

    def fail(temporary):
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        atomic_write(path, fail)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["m.txt"]


def test_files_of_other_libraries_are_named_with_the_way_to_convert_them(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    weights = torch.nn.GRU(2, 3).state_dict()
    for zipped in (True, False):
        path = tmp_path / "model.pt"
        torch.save(weights, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(
            ModelFileError, match=r"model\.pt: is a pickle, like PyTorch's .* weights_only=True\), 'model"
        ):
            ts.load(path)
        ts.save(torch.load(path, weights_only=True), tmp_path / "model.safetensors")  # what the error says
        gru = ts.nn.GRU(2, 3)
        gru.load_state_dict(ts.load(tmp_path / "model.safetensors"))
        np.testing.assert_array_equal(gru.weight_hh_l0.numpy(), weights["weight_hh_l0"])
    np.savez(tmp_path / "arrays.npz", w=np.ones(2))
    with pytest.raises(ModelFileError, match=r"is a zip file; if it is NumPy's \.npz, ts\.save\(dict\(np\.load"):
        ts.load(tmp_path / "arrays.npz")
    ts.save(dict(np.load(tmp_path / "arrays.npz")), tmp_path / "arrays.safetensors")
    np.save(tmp_path / "array.npy", np.ones(2))
    with pytest.raises(ModelFileError, match=r"is a NumPy array file; read it with np\.load"):
        ts.load(tmp_path / "array.npy")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "arrays.npz").read_bytes()[:60])
    with pytest.raises(ModelFileError, match="begins with the bytes 50 4b 03 04"):
        ts.load(tmp_path / "cut.pt")


@pytest.mark.parametrize(
    ("contents", "found"),
    [
        (b"", "is empty"),
        (b"ab", "is a text file that begins with 'ab'"),
        (b'{"a": 1}', "is a text file that begins with '{"),
        (b"<!doctype html><html>404</html>", "is a text file that begins with '<!doctype"),
        ("Käse\n".encode("utf-16"), "is a text file that begins with 'Käse"),
        (b"\x1f\x8b" + bytes(30), "is compressed with gzip, so unpack it first"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "begins with the bytes 89 50 4e 47 0d 0a 1a 0a, which no model file does"),
        (bytes(40), "begins with the bytes 00 00"),
    ],
)
def test_every_loader_says_what_a_file_is_instead_of_a_model(tmp_path, contents, found):
    (tmp_path / "file").write_bytes(contents)
    openers = {ts.load, ts.load_model} | {model.load for model in MODELS.values()}
    assert len(openers) > 10
    for opener in openers:
        with pytest.raises(ModelFileError) as caught:
            opener(tmp_path / "file")
        assert str(caught.value).startswith(f"{tmp_path / 'file'}: {found}")
        assert "expected a model file, as a model's save(path) or ts.save(arrays, path) writes" in str(caught.value)
        assert "header" not in str(caught.value)


WRITERS = {
    "ts.save": lambda path: ts.save({"a": np.ones(9999)}, path),
    "a model": lambda path: ts.lm.NgramLM(3).fit("so long and thanks for all the fish " * 99).save(path),
    "a drawing": lambda path: ts.viz.automaton(ts.hmm.HMM([1.0], [[1.0]], [[1.0]])).save(path.with_suffix(".dot")),
    "text": lambda path: atomic_write(path, lambda temporary: temporary.write_text("x" * 9999)),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_named_with_the_file(tmp_path, writer):
    resource = pytest.importorskip("resource", reason="the system has no limit on the size of files")
    path = tmp_path / "file.safetensors"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        with pytest.raises(OSError, match=rf"^{path.with_suffix('')}\.\w+ cannot be written: file too large$"):
            WRITERS[writer](path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


MISTAKES = [3, None, b"x", ["a.safetensors"], {"path": "a"}, 1.5]
TAKING_A_PATH = {
    "save": lambda path: ts.save({"a": np.ones(1)}, path),
    "load": ts.load,
    "load_with_metadata": ts.io.load_with_metadata,
    "load_model": ts.load_model,
    "the load of a class": ts.lm.NgramLM.load,
    "the save of a model": lambda path: ts.lm.NgramLM(2).fit("hello").save(path),
    "atomic_write": lambda path: ts.io.atomic_write(path, lambda temporary: None),
    "check_output": ts.io.check_output,
    "check_model_output": ts.io.check_model_output,
    **{f"the reader {name}": getattr(ts.data, name) for name in ("plain_text", "word_tag", "conllu")},
    "a stream": ts.data.plain_text.stream,
    "check_file": ts.exercises.check_file,
    "write_sheet": lambda path: ts.exercises.write_sheet([], path),
    "the save of a drawing": lambda path: ts.viz.cell("rnn").save(path),
    "the save of a page": lambda path: ts.viz.Page("", "").save(path),
}


@pytest.mark.parametrize("given", MISTAKES, ids=repr)
@pytest.mark.parametrize("name", TAKING_A_PATH)
def test_what_is_no_path_is_named(name, given):
    with pytest.raises(TypeError) as error:
        TAKING_A_PATH[name](given)
    wanted = "path must be the name of a file, a string or a pathlib.Path, got "
    assert str(error.value) == wanted + repr(given)


OTHER_ARGUMENTS = {  # and what is allowed
    "metadata": (lambda folder, given: ts.save({"a": np.ones(1)}, folder / "m", given), [None, {}, {"a": 1}]),
    "state": (lambda folder, given: ts.save(given, folder / "m"), [{}, {"a": [1.0, 2.0]}, {"a": 3}]),
    "write": (lambda folder, given: ts.io.atomic_write(folder / "m", given), [lambda temporary: None]),
    "name": (lambda folder, given: ts.io.check_output(folder / "m", given), ["--out"]),
    "inputs": (lambda folder, given: ts.io.check_output(folder / "m", inputs=given), [[], ["n"], ("n", Path("o"))]),
    "kind": (lambda folder, given: ts.io.load_with_metadata(folder / "known", given), [None, "known"]),
}


@pytest.mark.parametrize("name", OTHER_ARGUMENTS)
def test_every_other_argument_of_the_wrong_type_is_named(tmp_path, name):
    call, allowed = OTHER_ARGUMENTS[name]
    ts.save({"a": np.ones(1)}, tmp_path / "known", {"kind": "known"})
    for given in allowed:
        call(tmp_path, given)
    for given in [3, 1.5, b"x", [1], "text" if name not in ("name", "kind") else [["text"]]]:
        with pytest.raises(TypeError, match=rf"(^|^an entry of ){name} must "):
            call(tmp_path, given)


@pytest.mark.parametrize(
    "value", [[[1.0], [1.0, 2.0]], np.ma.array([1.0, 2.0], mask=[True, False])], ids=["rows", "masked"]
)
def test_what_is_no_array_is_named_with_its_name(tmp_path, value):
    with pytest.raises(TypeError, match=r"^state must hold arrays .*; 'layer.weight' is not one: "):
        ts.save({"layer.weight": value}, tmp_path / "m")


def test_a_path_with_a_nul_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"^path must not contain a NUL character, got 'a.x00b'"):
        ts.save({"a": np.ones(1)}, "a\0b")
