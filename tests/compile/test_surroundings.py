"""What a compiled function reads besides its arguments: each change makes a new recording, and nothing else does."""

import array
import ctypes
import functools
import importlib
import io
import os
import sys
import types
import weakref
from collections import deque
from contextvars import ContextVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts
from tinyseq.compiler import RecordingError


class Slots:
    __slots__ = ("part",)

    def __init__(self, part):
        self.part = part

    def get(self):
        return self.part


class Hidden:
    __slots__ = ("__part",)

    def __init__(self, part):
        self.__part = part

    def get(self):
        return self.__part


class Layer(ts.nn.Module):
    def __init__(self, part):
        self.linear = ts.nn.Linear(1, 1)
        self.part = part


class Pointing(ctypes.Structure):
    _fields_ = [("to", ctypes.POINTER(ctypes.c_double))]


def of_class(**attributes):
    """An instance of a new class."""
    return type("Made", (), {"__module__": __name__, **attributes})()


def with_default(part):
    def function(part=part):
        return part

    return function


def with_keyword(part):
    def function(*, part=part):
        return part

    return function


def module_of(part):
    module = types.ModuleType("settings_of_a_user")
    module.part = part
    return module


def objects_of(part):
    array = np.empty(1, object)
    array[0] = part
    return array


def attributed(value, part):
    """A container, number or array of a class of its own, with an attribute."""
    kind = type("Made", (type(value),), {"__module__": __name__})
    made = value.view(kind) if isinstance(value, np.ndarray) else kind(value)
    made.part = part
    return made


def of_metaclass(part):
    return type("Meta", (type,), {"__module__": __name__, "part": part})("Made", (), {"__module__": __name__})


KEPT = []  # what weak references are of


def weak(part):
    KEPT.append(of_class(part=None))
    KEPT[-1].part = part
    return weakref.ref(KEPT[-1])


# what holds a part, and how the part is read
STEPS = {
    "dict": (lambda p: {"a": p}, "{}['a']"),
    "list": (lambda p: [0, p], "{}[1]"),
    "tuple": (lambda p: (p, 0), "{}[0]"),
    "deque": (lambda p: deque([p]), "{}[0]"),
    "array of objects": (objects_of, "{}[0]"),
    "mapping": (lambda p: types.MappingProxyType({"a": p}), "{}['a']"),
    "object": (lambda p: types.SimpleNamespace(part=p), "{}.part"),
    "slots": (Slots, "{}.part"),
    "hidden slots": (Hidden, "{}.get()"),
    "layer": (Layer, "{}.part"),
    "attribute of a class": (lambda p: of_class(part=p), "type({}).part"),
    "static method": (lambda p: of_class(part=staticmethod(lambda: p)), "{}.part()"),
    "property": (lambda p: of_class(part=property(lambda self: p)), "{}.part"),
    "closure": (lambda p: lambda: p, "{}()"),
    "default": (with_default, "{}()"),
    "keyword": (with_keyword, "{}()"),
    "partial": (lambda p: functools.partial(lambda q: q, p), "{}()"),
    "method": (lambda p: Slots(p).get, "{}()"),
    "decorated": (lambda p: ts.enable_grad()(lambda: p), "{}()"),
    "context": (lambda p: ContextVar("part", default=p), "{}.get()"),
    "attribute of a dict": (lambda p: attributed({}, p), "{}.part"),
    "attribute of a list": (lambda p: attributed([1], p), "{}.part"),
    "attribute of a tuple": (lambda p: attributed((1,), p), "{}.part"),
    "attribute of a number": (lambda p: attributed(1.0, p), "{}.part"),
    "attribute of an array": (lambda p: attributed(np.ones(1), p), "{}.part"),
    "weak reference": (weak, "{}().part"),
    "module": (module_of, "{}.part"),
    "values of a dict": (lambda p: {"a": p}.values(), "next(iter({}))"),
    "items of a dict": (lambda p: {"a": p}.items(), "dict({})['a']"),
}


def fill(holder, value):
    holder.clear()
    holder.add(value)


def replace(table, value):
    table["a"] = value


VARIABLES = []


def variable(value):
    """The name of a variable of the environment."""
    VARIABLES.append(f"A_VARIABLE_OF_A_TEST_{len(VARIABLES)}")
    set_variable(VARIABLES[-1], value)
    return VARIABLES[-1]


def set_variable(name, value):
    os.environ[name] = str(value)


@pytest.fixture(scope="module", autouse=True)
def _nothing_stays():
    yield
    for name in VARIABLES:
        del os.environ[name]
    sys.modules.pop(IMPORTED, None)


IMPORTED = "settings_that_a_function_imports"


# what holds a number: how it is made, read and written, and what it makes of the number
ENDS = {
    "dict": (lambda v: {"a": v}, "{}['a']", replace, None),
    "list": (lambda v: [v], "{}[0]", lambda h, v: h.__setitem__(0, v), None),
    "deque": (lambda v: deque([v]), "{}[0]", lambda h, v: h.__setitem__(0, v), None),
    "set": (lambda v: {v}, "sum({})", fill, None),
    "bytes": (lambda v: bytearray([v]), "{}[0]", lambda h, v: h.__setitem__(0, v), int),
    "array": (lambda v: np.array([v]), "{}[0]", lambda h, v: h.__setitem__(0, v), float),
    "array of no axis": (lambda v: np.array(v), "{}[()]", lambda h, v: h.__setitem__((), v), float),
    "objects in an array": (lambda v: np.array([v], object), "{}[0]", lambda h, v: h.__setitem__(0, v), None),
    "another array": (
        lambda v: {"a": np.array([v])},
        "{}['a'][0]",
        lambda h, v: h.update(a=np.array([v])),
        float,
    ),
    "object": (lambda v: types.SimpleNamespace(v=v), "{}.v", lambda h, v: setattr(h, "v", v), None),
    "slots": (Slots, "{}.part", lambda h, v: setattr(h, "part", v), None),
    "layer": (Layer, "{}.part", lambda h, v: setattr(h, "part", v), None),
    "class": (lambda v: of_class(part=v), "{}.part", lambda h, v: setattr(type(h), "part", v), None),
    "class of the package": (
        lambda v: of_class(part=v, __module__="tinyseq.made"),
        "{}.part",
        lambda h, v: setattr(type(h), "part", v),
        None,
    ),
    "base": (
        lambda v: type("Derived", (type(of_class(part=v)),), {"__module__": __name__})(),
        "{}.part",
        lambda h, v: setattr(type(h).__base__, "part", v),
        None,
    ),
    "closure": (lambda v: lambda: v, "{}()", lambda h, v: setattr(h.__closure__[0], "cell_contents", v), None),
    "default": (with_default, "{}()", lambda h, v: setattr(h, "__defaults__", (v,)), None),
    "keyword": (with_keyword, "{}()", lambda h, v: h.__kwdefaults__.update(part=v), None),
    "attribute of a function": (
        with_default,
        "{}.v",
        lambda h, v: setattr(h, "v", v),
        None,
    ),
    "partial": (
        lambda v: functools.partial(lambda part: part, part=v),
        "{}()",
        lambda h, v: h.keywords.update(part=v),
        None,
    ),
    "context": (lambda v: ContextVar("end", default=v), "{}.get()", lambda h, v: h.set(v), None),
    **{
        f"attribute of {value!r}": (
            lambda v, value=value: attributed(value, v),
            "{}.part",
            lambda h, v: setattr(h, "part", v),
            None,
        )
        for value in ({}, [], (), {1}, frozenset({1}), deque([1]), 1.0, 1, 1j, "a", b"a", np.ones(1))
    },
    "array.array": (lambda v: array.array("d", [v]), "{}[0]", lambda h, v: h.__setitem__(0, v), float),
    "memoryview": (lambda v: memoryview(bytearray([v])), "{}[0]", lambda h, v: h.__setitem__(0, v), int),
    "bytes like a file": (
        lambda v: io.BytesIO(bytes([v])),
        "{}.getvalue()[0]",
        lambda h, v: (h.seek(0), h.write(bytes([v]))),
        int,
    ),
    "text like a file": (
        lambda v: io.StringIO(str(v)),
        "float({}.getvalue())",
        lambda h, v: (h.seek(0), h.truncate(), h.write(str(v))),
        float,
    ),
    "number of C": (ctypes.c_double, "{}.value", lambda h, v: setattr(h, "value", v), float),
    "pointer of C": (
        lambda v: ctypes.pointer(ctypes.c_double(v)),
        "{}.contents.value",
        lambda h, v: setattr(h.contents, "value", v),
        float,
    ),
    "structure of C": (
        lambda v: Pointing(ctypes.pointer(ctypes.c_double(v))),
        "{}.to[0]",
        lambda h, v: h.to.__setitem__(0, v),
        float,
    ),
    "module": (module_of, "{}.part", lambda h, v: setattr(h, "part", v), None),
    "weak reference": (weak, "{}().part", lambda h, v: setattr(h(), "part", v), None),
    "environment": (variable, "float(os.environ[{}])", set_variable, float),
    "variable of the environment": (variable, "float(os.getenv({}))", set_variable, float),
    "metaclass": (of_metaclass, "{}.part", lambda h, v: setattr(type(h), "part", v), None),
}

# how a function reaches a name: a line of it, the word for the value, and whether it is an attribute of a module
REACHED = {
    "global": ("", "{}", False),
    "module": ("", "settings.{}", True),
    "imported name": (f"from {IMPORTED} import {{0}}", "{}", True),
    "imported module": (f"import {IMPORTED} as m_{{0}}", "m_{0}.{0}", True),
    "module passed on": ("", "getattr(settings, '{}')", True),
    "table of a module": ("", "settings.__dict__['{}']", True),
    "other name of a module": ("s_{0} = settings", "s_{0}.{0}", True),
    "module by text": (f"m_{{0}} = importlib.import_module('{IMPORTED}')", "m_{0}.{0}", True),
    "module in a table": ("", f"sys.modules['{IMPORTED}'].{{}}", True),
    "eval": ("", "eval('{}')", False),
    "exec": ("e_{0} = {{}}; exec('found = {0}', globals(), e_{0})", "e_{0}['found']", False),
    "globals": ("", "globals()['{}']", False),
}
# what these read is not known, so all globals, or all attributes of the module, are compared
ANY = {"eval", "exec", "globals", "module passed on", "table of a module", "other name of a module"}
NUMBERS = [0, 1, 1.0, True, 0.0, -0.0, 2.5, 7]


@settings(max_examples=100)
@given(data=st.data())
def test_each_change_that_the_function_can_see_makes_a_recording_and_nothing_else_does(data):
    w, x = ts.tensor([1.0, 2.0], requires_grad=True), ts.tensor([3.0, 0.5])
    names, ends, words, lines, ways = {"w": w, "other": 1.0, "settings": module_of(0)}, [], [], [], set()
    names |= {"os": os, "sys": sys, "importlib": importlib}
    sys.modules[IMPORTED] = names["settings"]
    for i in range(data.draw(st.integers(1, 4))):
        end, path = data.draw(st.sampled_from([*ENDS])), data.draw(st.lists(st.sampled_from([*STEPS]), max_size=3))
        make, read, write, as_type = ENDS[end]
        value = (as_type or (lambda v: v))(data.draw(st.sampled_from(NUMBERS)))
        part = make(value)
        write(part, value)
        ends.append([part, write, as_type, value])
        way, root = data.draw(st.sampled_from([*REACHED])), f"root{i}"
        line, word, in_module = REACHED[way]
        ways.add(way)
        lines.append(line.format(root))
        word = word.format(root)
        for step in path:
            part = STEPS[step][0](part)
        for step in reversed(path):
            word = STEPS[step][1].format(word)
        words.append(read.format(word))
        setattr(names["settings"], root, part) if in_module else names.update({root: part})
    body = [*lines, f"return (x * w).sum() + 2.0 * {' + 3.0 * '.join(words)}"]
    exec("def function(x):\n" + "\n".join(f"    {line}" for line in body), names)
    function = names["function"]
    fast, states = ts.compile(function, limit=1000), set()

    def check():
        states.add(tuple(repr(end[3]) for end in ends))
        found = []
        for call in (fast, function):
            w.grad = None
            y = call(x)
            y.backward()
            found.append((repr(y.item()), w.grad.tolist()))
        assert found[0] == found[1]
        recordings = sum(map(len, fast._replays.values()))
        assert recordings == len(states) or (recordings > len(states) and ways & ANY)

    check()
    for _ in range(data.draw(st.integers(1, 8))):
        if data.draw(st.integers(0, 3)) == 0:
            change_something_else(names, data.draw(st.floats()))
        else:
            end = data.draw(st.sampled_from(ends))
            value = data.draw(st.sampled_from(NUMBERS))
            end[3] = (end[2] or (lambda v: v))(value)
            end[3] = float(repr(end[3])) if type(end[3]) is float else end[3]  # an equal number, and another object
            end[1](end[0], end[3])
        check()


def change_something_else(names, value):
    """What the function does not read: another global, another attribute of a module, an object of the same class."""
    names["other"] = names["another"] = value
    names["settings"].other = value
    Slots(0).part = Layer(0).part = value
    of_class().part = value


def counted(function):
    """The compiled function, and how many recordings it has."""
    fast = ts.compile(function)
    return fast, lambda: sum(map(len, fast._replays.values()))


def rename(table):
    table["c"] = table.pop("b")


class Doubling:
    def by(self):
        return 2.0


class Tripling:
    def by(self):
        return 3.0


def changes_of_a_table():
    table = {"a": 1.0, "b": 2.0}
    return lambda x: x * (3.0 if "b" in table else 5.0), lambda: rename(table)


def changes_of_an_order():
    table = {"a": 1.0, "b": 2.0}
    return lambda x: x * next(iter(table.values())), lambda: table.update(a=table.pop("a"))


def changes_of_a_length():
    values = [1.0] * 2000
    return lambda x: x * len(values), lambda: values.append(1.0)


def changes_of_a_class():
    thing = Doubling()
    return lambda x: x * thing.by(), lambda: setattr(thing, "__class__", Tripling)


def changes_of_a_method():
    thing = of_class(by=lambda self: 2.0)
    return lambda x: x * thing.by(), lambda: setattr(type(thing), "by", lambda self: 3.0)


def changes_of_a_class_of_the_package():
    thing = of_class(__module__="tinyseq.made")
    return lambda x: x * (3.0 if hasattr(thing, "by") else 2.0), lambda: setattr(type(thing), "by", None)


def changes_of_an_inherited_method():
    base = type(of_class(by=lambda self: 2.0))
    kind = type("Derived", (base,), {"__module__": __name__})
    thing = kind()
    return lambda x: x * thing.by(), lambda: setattr(kind, "by", lambda self: 3.0)


def changes_of_code():
    by = with_default(2.0)
    return lambda x: x * by(), lambda: setattr(by, "__code__", (lambda part: part * 2.0).__code__)


def changes_of_a_builtin_name():
    names = {}
    exec("def function(x): return x * abs(-2.0)", names)
    return names["function"], lambda: names.update(abs=lambda value: 3.0)


def changes_of_a_shape():
    values = np.array([[1.0, 2.0]])
    return lambda x: x * len(values), lambda: setattr(values, "shape", (2, 1))


def changes_of_a_parameter():
    layer = Layer(None)
    return lambda x: x * layer.linear.weight[0, 0], lambda: setattr(layer.linear, "weight", ts.nn.Parameter([[9.0]]))


def changes_of_a_tensor_of_pytorch():
    values = oracle("torch").ones(2)
    return lambda x: x * float(values[0]), lambda: values.fill_(3.0)


def changes_of_a_layer_of_pytorch():
    layer = oracle("torch").nn.Linear(1, 1)
    return lambda x: x * layer.weight.item(), lambda: layer.weight.data.add_(1.0)


def changes_of_a_tensor_in_an_object():
    settings = types.SimpleNamespace(values=[oracle("torch").zeros(2, 2).requires_grad_()])
    return lambda x: x * settings.values[0].detach().numpy()[1, 0], lambda: settings.values[0].data.add_(1.0)


def changes_of_a_series_of_pandas():
    values = oracle("pandas").Series([1.0, 2.0])
    return lambda x: x * float(values[1]), lambda: values.__setitem__(1, 3.0)


def changes_of_a_table_of_pandas():
    table = oracle("pandas").DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    return lambda x: x * float(table["a"][1]), lambda: table.iloc.__setitem__((1, 0), 5.0)


def changes_of_the_columns_of_pandas():
    table = oracle("pandas").DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    return lambda x: x * float(table["a"][1]), lambda: setattr(table, "columns", ["b", "a"])


def changes_of_an_argument_of_the_program():
    arguments = list(sys.argv)
    KEPT.append(arguments)
    return lambda x: x * len(sys.argv), lambda: setattr(sys, "argv", [*arguments, "another"])


def changes_of_whether_a_parameter_is_trained():
    parameter = ts.nn.Parameter([1.0, 2.0])
    return lambda x: x * (2.0 if parameter.requires_grad else 3.0), lambda: parameter.requires_grad_(False)


def changes_of_a_variable_that_a_module_in_a_closure_holds():
    import os as system

    name = variable(1.0)
    return lambda x: x * float(system.environ[name]), lambda: set_variable(name, 2.0)


def changes_of_a_module_that_a_long_function_imports():
    sys.modules[IMPORTED] = module_of(2.0)
    names = {f"name{i}": 0.0 for i in range(300)}
    exec(f"def function(x):\n x = x + {' + '.join(names)}\n from {IMPORTED} import part\n return x * part", names)
    return names["function"], lambda: setattr(sys.modules[IMPORTED], "part", 3.0)


def changes_of_a_name_that_a_module_of_python_lacks():
    made = types.ModuleType("json.made")

    def flag(x):
        try:
            return x * made.flag
        except AttributeError:
            return x * 2.0

    return flag, lambda: setattr(made, "flag", 3.0)


CHANGES = {name.removeprefix("changes_of_"): make for name, make in globals().items() if name.startswith("changes_of_")}


@pytest.mark.filterwarnings("ignore:Setting the shape")
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_structure_makes_a_recording(name, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["a_program"])
    function, change = CHANGES[name]()
    fast, recordings = counted(function)
    x = ts.tensor([1.0, -2.0], dtype="float64")
    for _ in range(3):
        assert fast(x).tolist() == function(x).tolist()
        assert recordings() == 1
    before = function(x).tolist()
    change()
    assert function(x).tolist() != before
    for _ in range(3):
        assert fast(x).tolist() == function(x).tolist()
        assert recordings() == 2


@pytest.mark.parametrize("line", ["import late_settings", "from late_settings import scale", "from . import late"])
def test_a_module_that_the_first_call_imports_is_watched(line, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "late_settings.py").write_text("scale = 2.0")
    (tmp_path / "late_package").mkdir()
    (tmp_path / "late_package" / "__init__.py").write_text("")
    (tmp_path / "late_package" / "late.py").write_text("scale = 2.0")
    word = {"import late_settings": "late_settings.scale", "from . import late": "late.scale"}.get(line, "scale")
    names = {"__package__": "late_package", "__name__": "late_package.functions"}
    exec(f"def function(x):\n    {line}\n    return x * {word}", names)
    fast, recordings = counted(names["function"])
    try:
        for scale in (2.0, 2.0, 3.0, 3.0, 2.0):
            if scale == 3.0 or recordings():
                sys.modules["late_package.late" if "late.scale" in word else "late_settings"].scale = scale
            assert fast(ts.ones(2)).tolist() == [scale, scale]
        assert recordings() == 2
    finally:
        for module in ("late_settings", "late_package", "late_package.late"):
            sys.modules.pop(module, None)


def test_a_call_that_differs_as_it_imports_is_recorded_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "late_settings.py").write_text("")

    def function(x):
        x = x * (1.0 if "late_settings" in sys.modules else 2.0)
        import late_settings  # noqa: F401

        return x

    try:
        assert ts.compile(function)(ts.ones(2)).tolist() == [1.0, 1.0]
    finally:
        sys.modules.pop("late_settings", None)


def test_an_array_of_which_the_values_cannot_be_read_is_refused():
    class Elsewhere:
        def __array__(self, dtype=None, copy=None):
            raise TypeError("on another machine")

    values = Elsewhere()
    with pytest.raises(RecordingError, match="Elsewhere, whose values NumPy cannot compare"):
        ts.compile(lambda x: x * (values is not None))(ts.ones(2))


def test_a_class_and_globals_without_the_name_of_a_module_are_watched():
    kind = type("Anonymous", (), {"__module__": None, "scale": 2.0})
    names = {"__name__": None, "kind": kind}
    exec("def function(x): return x * kind.scale", names)
    fast, recordings = counted(names["function"])
    assert fast(ts.ones(2)).tolist() == [2.0, 2.0]
    kind.scale = 3.0
    assert fast(ts.ones(2)).tolist() == [3.0, 3.0]
    assert recordings() == 2


def test_a_compiled_method_kept_by_its_own_object_is_recorded_once():
    class Model(ts.nn.Module):
        def __init__(self):
            self.scale = 2.0
            self.fast = ts.compile(self.loss)

        def loss(self, x):
            return (x * self.scale).sum()

    model = Model()
    for _ in range(3):
        assert model.fast(ts.ones(2)).item() == 4.0
    assert sum(map(len, model.fast._replays.values())) == 1
    model.scale = 3.0
    assert model.fast(ts.ones(2)).item() == 6.0


@pytest.mark.parametrize("find", [lambda layer: type(layer), lambda layer: ts.nn.Linear, lambda layer: ts.Tensor])
def test_a_function_may_set_an_attribute_of_a_class_of_the_package_but_not_count_with_it(find, monkeypatch):
    layer, kind = ts.nn.Linear(1, 1), find(ts.nn.Linear(1, 1))

    def sets(x):
        find(layer).flag = 2.0
        return x * kind.flag

    def counts(x):
        find(layer).flag += 1.0
        return x * 2.0

    fast = ts.compile(sets)
    for before in (1.0, 3.0):
        monkeypatch.setattr(kind, "flag", before, raising=False)
        assert fast(ts.ones(1)).tolist() == [2.0]
        assert kind.flag == 2.0
    with pytest.raises(RecordingError, match="changes something outside"):
        ts.compile(counts)(ts.ones(1))


# a line that changes something, and how the error names it
CHANGED = {
    "global counter; counter += 1": "the global counter",
    "thing.steps += 1": "the entry or attribute 'steps'",
    "table['new'] = table.get('new', 0) + 1": "the entry or attribute 'new'",
    "key = next(iter(table)); table[key] = table.pop(key)": "the entry or attribute 'that comes first'",
    "slots.part += 1": "attribute part of a Slots",
    "kind.part += 1": "the entry or attribute 'part'",
    "values.append(1)": "a list",
    "array[0] += 1": "a ndarray",
    "count()": "a variable of an outer function",
}


@pytest.mark.parametrize("line", CHANGED)
def test_what_a_function_changes_is_named(line):
    def counting(steps=0):
        def count():
            nonlocal steps
            steps += 1

        return count

    names = {"thing": types.SimpleNamespace(steps=0), "table": {"a": 1, "b": 2}, "slots": Slots(0), "counter": 0}
    names |= {"kind": type(of_class(part=0)), "values": [], "array": np.zeros(2), "count": counting()}
    exec(f"def function(x):\n {line}\n return x * 2.0", names)
    with pytest.raises(RecordingError, match=f"changes something outside: {CHANGED[line]}. A replay"):
        ts.compile(names["function"])(ts.ones(2))


def test_replays_read_each_place_at_once():
    """As long as each place holds the same object, nothing is compared one by one."""
    layer = ts.nn.LSTM(2, 3, num_layers=2)
    fast = ts.compile(lambda x: layer(x)[0].sum())
    fast(ts.ones(3, 1, 2, dtype="float32"))
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "tinyseq.compiler.recording.surroundings._same", lambda then, now: calls.append(now) or then is now
        )
        fast(ts.ones(3, 1, 2, dtype="float32"))
    assert not calls


# a module's text, the function that is compiled, and what then changes in the module
INSTALLED = {
    "a global of a package that imports tinyseq": (
        "import tinyseq as ts\nscale = 2.0\ndef function(x): return x * scale",
        lambda module: module.function,
        lambda module: setattr(module, "scale", 3.0),
    ),
    "a class of a package that takes a class of tinyseq": (
        "from tinyseq.nn import Module\nclass Scaled(Module):\n  by = 2.0\n  def forward(self, x): return x * self.by",
        lambda module: module.Scaled(),
        lambda module: setattr(module.Scaled, "by", 3.0),
    ),
    "an attribute of a package's object": (
        "class Settings:\n  scale = 1.0\n  def doubled(self): return 2 * self.scale\nsettings = Settings()",
        lambda module: lambda x: x * module.settings.doubled(),
        lambda module: setattr(module.settings, "scale", 3.0),
    ),
    "a number of a package": (
        "scale = 2.0",
        lambda module: lambda x: x * module.scale,
        lambda module: setattr(module, "scale", 3.0),
    ),
}


@pytest.mark.parametrize("name", INSTALLED)
def test_what_is_read_of_an_installed_package(name, tmp_path, monkeypatch):
    text, make, change = INSTALLED[name]
    folder = tmp_path / "site-packages"
    folder.mkdir()
    package = f"installed_{abs(hash(name))}"
    (folder / f"{package}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    module = importlib.import_module(package)
    try:
        function = make(module)
        fast, recordings = counted(function)
        x = ts.tensor([1.0, -2.0])
        for changed in (False, True):
            if changed:
                change(module)
            for _ in range(2):
                assert fast(x).tolist() == function(x).tolist()
                assert recordings() == 1 + changed
    finally:
        sys.modules.pop(package, None)


def test_a_package_may_have_a_module_that_must_not_be_imported(monkeypatch):
    """None in `sys.modules` is the usual way to forbid it."""
    monkeypatch.setitem(sys.modules, "numpy.forbidden", None)
    assert ts.compile(lambda x: x * np.arange(2.0))(ts.ones(2)).tolist() == [0.0, 1.0]
