"""The project's files agree with each other."""

import importlib
import importlib.util
import inspect
import pydoc
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tinyseq as ts
from tinyseq.autograd.declare import OPS

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REFERENCE = re.compile(r"`((?:tests|tinyseq|examples|tools|docs)/[\w/.]+?\.\w+)(?:::(\w+))?`")
ROOMS = sorted(init.parent.name for init in (ROOT / "tinyseq").glob("*/__init__.py"))
INTERNAL = {"backend", "commands", "structure"}  # see `tinyseq --help`; the others are read by the rooms above only
PACKAGES = ["tinyseq", *(f"tinyseq.{room}" for room in ROOMS if room not in INTERNAL)]
DEVELOPERS = {"test", "oracles", "dev", "docs"}  # extras that no user needs
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_version_is_the_same_everywhere():
    assert f"\nversion: {ts.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert ts.__version__ in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_readme_explains_every_extra_that_users_want():
    readme = (ROOT / "README.md").read_text("utf-8")
    missing = [name for name in PROJECT["optional-dependencies"] if f"`{name}`" not in readme]
    assert set(missing) <= DEVELOPERS


def test_every_extra_for_users_is_imported_somewhere():
    """Each requirement of an extra, by the name of its module."""
    modules = {"cupy-cuda12x": "cupy", "cupy-cuda13x": "cupy"}
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "tinyseq").rglob("*.py"))
    extras = {k: v for k, v in PROJECT["optional-dependencies"].items() if k not in {*DEVELOPERS, "all"}}
    needed = {re.match(r"[\w-]+", requirement)[0] for requirements in extras.values() for requirement in requirements}
    missing = [name for name in needed if not re.search(rf"^\s*(import|from) {modules.get(name, name)}\b", code, re.M)]
    assert missing == []
    assert len(needed) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_test_that_a_page_names_exists(page):
    for path, name in REFERENCE.findall(page.read_text("utf-8")):
        file = ROOT / path
        assert file.exists(), f"{page.name} names {path}, which does not exist"
        assert not name or re.search(rf"^(def|class) {name}\b", file.read_text("utf-8"), re.MULTILINE), (
            f"{page.name} names {name}, which {path} does not define"
        )


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_a_docstring(package):
    module = importlib.import_module(package)
    public = {name: getattr(module, name) for name in module.__all__}
    documentable = (name for name, value in public.items() if inspect.isclass(value) or inspect.isroutine(value))
    assert [name for name in documentable if not inspect.getdoc(public[name])] == []


def documented(reference):
    """The identities of all that the directives of a page document."""
    found = set()
    directive = r"^\.\. auto(\w+):: ([\w.]+)((?:\n   :.*)*)"
    for kind, path, options in re.findall(directive, reference, re.MULTILINE):
        item = pydoc.locate(path)
        found.add(id(item))
        if kind == "module" and ":members:" in options:
            left_out = re.findall(r"\w+", "".join(re.findall(r":exclude-members:(.*)", options)))
            names = [name for name in getattr(item, "__all__", ()) if name not in left_out]
            found |= {id(member) for name in names if not inspect.ismodule(member := getattr(item, name))}
    return found


# The ops of tinyseq.autograd stand in a table of their own
@pytest.mark.parametrize("package", [package for package in PACKAGES if package != "tinyseq.autograd"])
def test_every_public_name_is_in_the_reference(package):
    pages = (ROOT / "docs" / "reference").glob("*.md")
    found = documented("\n".join(page.read_text("utf-8") for page in pages))
    module = importlib.import_module(package)
    assert [name for name in module.__all__ if id(getattr(module, name)) not in found] == []


def test_every_function_that_looks_or_draws_is_explained_on_a_page():
    text = "".join((ROOT / "docs" / f"{page}.md").read_text("utf-8") for page in ("inspect", "pictures", "page"))
    names = [*ts.viz.__all__, *(name for name in ts.inspect.__all__ if inspect.isroutine(getattr(ts.inspect, name)))]
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []


def test_what_the_reference_leaves_out_is_noticed():
    reference = (
        ".. automodule:: tinyseq.hmm\n   :members:\n   :exclude-members: HMM, chain\n\n.. autoclass:: tinyseq.hmm.HMM"
    )
    found = documented(reference)
    assert id(ts.hmm.HMM) in found
    assert id(ts.hmm.Decoding) in found
    assert id(ts.hmm.chain) not in found
    assert id(ts.viz.graph) not in found


@pytest.mark.parametrize("package", ["nn", "nn.init", "optim", "train", "data", "lm", "tagging", "classify"])
def test_every_public_name_for_models_and_training_has_an_example(package):
    """Which the tests run. Functions of a module, or what it lists."""
    module = importlib.import_module(f"tinyseq.{package}")
    names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    public = {name: getattr(module, name) for name in names}
    shown = {
        name: ">>>" in (value.__doc__ or "")
        for name, value in public.items()
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith(f"tinyseq.{package}")
    }
    assert [name for name, example in shown.items() if not example] == []
    assert len(shown) >= 3


@pytest.fixture
def demo(tmp_path):
    """A folder with all that the demo should write."""
    (tmp_path / "loss.png").write_bytes(b"\x89PNG\r\n\x1a\n...")
    (tmp_path / "samples.txt").write_text("hello")
    frame = '<iframe srcdoc=""></iframe>'
    (tmp_path / "index.html").write_text(f'{frame}<a href="unrolled.html"></a>{frame}<a href="trellis.html"></a>')
    for name in ("unrolled.html", "trellis.html"):
        (tmp_path / name).write_text('<script>{"acts":[{"name":"forward"}]}</script>')
    for name in ("unrolled.svg", "trellis.svg"):
        (tmp_path / name).write_text('<svg xmlns="http://www.w3.org/2000/svg"><text>h</text></svg>')
    return tmp_path


def check_demo(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "check_demo.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_whole_demo_passes_its_check(demo):
    result = check_demo(demo)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("samples.txt", None, "samples.txt: is missing"),
        ("samples.txt", b" \n", "samples.txt: is empty"),
        ("loss.png", b"<svg/>", "loss.png: is no PNG"),
        ("unrolled.svg", b"<svg><text>", "unrolled.svg: is no XML"),
        ("unrolled.html", b"<!doctype html>", "unrolled.html: is no page that plays"),
        ("index.html", b'<a href="trellis.html"></a>', "index.html: does not link unrolled.html"),
        ("index.html", b'<a href="unrolled.html"><a href="trellis.html">', "index.html: does not hold the pages"),
        ("trellis.svg", b"<svg></svg>", "trellis.svg: is no drawing with labels"),
    ],
)
def test_a_spoilt_demo_fails_its_check(demo, name, content, complaint):
    (demo / name).unlink()
    if content is not None:
        (demo / name).write_bytes(content)
    result = check_demo(demo)
    assert result.returncode == 1
    assert complaint in result.stdout


def test_the_check_of_the_documentation_finds_what_a_page_loads_from_elsewhere(tmp_path):
    command = [sys.executable, str(ROOT / "tools" / "check_offline.py"), str(tmp_path)]
    (tmp_path / "page.html").write_text(
        '<link rel="canonical" href="https://a.org/"><a href="https://b.org/x.js">x</a><img src="a.svg">'
    )
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    loads = ['<script src="https://c.org/x.js"></script>', '<link rel="stylesheet" href="//d.org/x.css">']
    (tmp_path / "page.html").write_text("".join(loads))
    (tmp_path / "style.css").write_text("@import 'https://e.org/e.css'; p { background: url(https://f.org/f.png) }")
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert [site for site in "abcdef" if f"{site}.org" in result.stdout] == ["c", "d", "e", "f"]


def test_every_formula_of_an_op_becomes_mathml():
    from xml.etree import ElementTree

    pytest.importorskip("latex2mathml", reason="the extra docs writes formulas with it")
    specification = importlib.util.spec_from_file_location("mathml", ROOT / "docs" / "_ext" / "mathml.py")
    extension = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(extension)
    formulas = [op.tex for op in OPS.values() if op.tex]
    assert len(formulas) > 80
    for tex in formulas:
        assert ElementTree.fromstring(extension.mathml(tex, "inline")).tag.endswith("}math"), tex
    for tex, gaps in [(r"\log b_s", 1), (r"2\log 2", 2), (r"\log(2)", 0), (r"\log_2 x", 0), (r"-\log \hat y", 1)]:
        assert extension.mathml(tex, "inline").count("<mspace") == gaps, tex
    with pytest.raises(ValueError, match=r"\\nosuch"):
        extension.mathml(r"\nosuch{x}", "inline")
