"""Labels of Python's tokens: what the parser knows, the same name in all its roles."""

import ast
import tokenize
from pathlib import Path

import pytest

from tinyseq.data import DataError
from tinyseq.data.pysource import LABELS, labelled_tokens, tokens


def labels(source):
    """The labels of a program as 'token/label' words."""
    return " ".join(f"{token}/{label}" for line in labelled_tokens(source) for token, label in line)


def labels_of(name, source):
    """The labels that a name has in a program, in order."""
    return [label for line in labelled_tokens(source) for token, label in line if token == name]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def x(): pass", ["function"]),
        ("class x: pass", ["class"]),
        ("async def f():\n    async with x as y: pass", ["variable"]),
        ("import x", ["module"]),
        ("import a.x as b", ["module"]),
        ("import a as x\nx.y", ["module", "module"]),
        ("import x.y; x", ["module", "module"]),
        ("from x import y", ["module"]),
        ("from y import x\nx()", ["import", "import"]),
        ("from y import (\n    z as x,\n)\nx", ["import", "import"]),
        ("def f(x, *, y=x): return x", ["parameter", "variable", "parameter"]),
        ("import x\ndef f(x=x): return x", ["module", "parameter", "module", "parameter"]),
        ("import x\ndef f(x: x.y): pass", ["module", "parameter", "module"]),
        ("def f(*x): return lambda: x", ["parameter", "parameter"]),
        ("def f(**x): return [x for y in x]", ["parameter", "parameter", "parameter"]),
        ("lambda x: x", ["parameter", "parameter"]),
        ("f(x=1)", ["parameter"]),
        ("self.x = x", ["attribute", "variable"]),
        ("def f(x):\n    x.x = x(x=1)", ["parameter", "parameter", "attribute", "parameter", "parameter"]),
        ("for x in y: x", ["variable", "variable"]),
        ("[x for x in y]", ["variable", "variable"]),
        ("try: pass\nexcept y as x: x", ["variable", "variable"]),
        ("def f():\n    global x\n    x = 1", ["variable", "variable"]),
        ("class x: pass\nx()", ["class", "class"]),
        ("try:\n    import x\nexcept y:\n    x = None", ["module", "module"]),
        ("class A:\n    x = 1\n    y = x\n    def f(self): return x\nimport x",
         ["variable", "variable", "module", "module"]),
        ("raise y from x", ["variable"]),
        ("match y:\n    case [x]: x", ["variable", "variable"]),
    ],
)  # fmt: skip
def test_a_name_is_what_binds_it(source, expected):
    assert labels_of("x", source) == expected


def test_what_nothing_binds_is_builtin_or_variable():
    assert labels("len(size)") == "len/builtin (/delimiter size/variable )/delimiter"
    assert labels_of("len", "def f(len): len") == ["parameter", "parameter"]


def test_match_case_and_type_are_keywords_only_where_they_say_so():
    assert labels_of("match", "match match:\n    case case: pass\nmatch = case") == ["keyword", "variable", "variable"]
    assert labels_of("case", "match match:\n    case case: pass\nmatch = case") == ["keyword", "variable", "variable"]
    assert labels_of("type", "type(type)") == ["builtin", "builtin"]
    assert labels_of("match", "re.match(x)") == ["attribute"]


def test_literals_and_punctuation():
    assert labels("a = rb'''x\ny''' * 0x1F  # comment\n") == (
        'a/variable =/operator rb"..."/string */operator 0x1F/number'
    )
    assert labels("None, ...; True") == "None/keyword ,/delimiter .../operator ;/delimiter True/keyword"


def test_an_fstring_is_one_token_however_python_splits_it():
    assert labels("""f(f'{x!r:>{width}} {f"{y}"}', F"{z['a']}")""") == (
        'f/variable (/delimiter f"..."/string ,/delimiter F"..."/string )/delimiter'
    )


def test_names_beyond_ascii_keep_their_labels():
    assert labels_of("ñ", "é = 'é'; é.ñ = lambda ñ: (é, ñ)") == ["attribute", "parameter", "parameter"]


def test_a_sequence_is_a_logical_line():
    source = "x = (1,\n\n     2)  # two\n\n# alone\nif x:\n    y\n"
    assert [[token for token, _ in line] for line in labelled_tokens(source)] == [
        ["x", "=", "(", "1", ",", "2", ")"],
        ["if", "x", ":"],
        ["y"],
    ]


LIBRARY = [path for path in sorted(Path(ast.__file__).parent.glob("*.py")) if path.stat().st_size < 40_000][::12]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_real_programs_have_as_many_of_each_as_their_trees_have(path):
    with tokenize.open(path) as file:
        source = file.read()
    found = [label for line in labelled_tokens(source) for _, label in line]
    tree = ast.parse(source)
    strings = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for inner in ast.walk(node)}
    nodes = [node for node in ast.walk(tree) if id(node) not in strings]
    definitions = sum(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in nodes)
    assert found.count("attribute") == sum(isinstance(node, ast.Attribute) for node in nodes)
    assert found.count("function") >= definitions
    assert found.count("class") >= sum(isinstance(node, ast.ClassDef) for node in nodes)
    assert found.count("parameter") >= sum(isinstance(node, ast.arg) for node in nodes)
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    assert found.count("number") == sum(type(value) in (int, float, complex) for value in constants)
    assert set(found) <= set(LABELS)


def test_tokens_of_a_piece_are_written_as_in_the_corpus():
    source = "def area(self, width): return f'{width}' + 'x' * 2"
    assert tokens(source) == [token for line in labelled_tokens(source) for token, _ in line]
    assert tokens("def area(self):") == ["def", "area", "(", "self", ")", ":"]


@pytest.mark.parametrize("piece", ["", "  # nothing", "f(", "'''open"])
def test_a_piece_without_whole_tokens_is_an_error(piece):
    with pytest.raises(DataError, match=r"^<text>: .*; expected Python source$"):
        tokens(piece)
