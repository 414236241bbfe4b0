"""Docstrings of the public API are complete: a summary, every argument, the errors raised, and an example."""

import importlib
import inspect
import re
import textwrap

import pytest

ROOMS = [
    "",
    "nn",
    "nn.init",
    "hmm",
    "lm",
    "tagging",
    "classify",
    "optim",
    "data",
    "viz",
    "inspect",
    "testing",
    "train",
    "io",
    "random",
    "compiler",
    "exercises",
    "book",
]
NAMED = re.compile(r"^ {4}(?! )([\w*`, ]+):\s", re.MULTILINE)
RAISES = re.compile(r"^\s+raise (\w+)", re.MULTILINE)
ABSTRACT = {"NotImplementedError", "AssertionError"}  # what a subclass is to define
INHERITED = re.compile(r"^(See|As) `")


def public(package):
    """Names and values of the functions and classes that a package exports or, without a list, defines."""
    module = importlib.import_module(f"tinyseq.{package}".rstrip("."))
    names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    for name in names:
        value = getattr(module, name)
        own = hasattr(module, "__all__") or getattr(value, "__module__", "") == module.__name__
        if own and (inspect.isclass(value) or inspect.isfunction(value)):
            yield name, value


def members(owner):
    """Names and functions of the public methods that a class defines and does not override, and whether bound."""
    for name, value in vars(owner).items():
        function = getattr(value, "__func__", value)
        overrides = any(name in vars(base) for base in owner.__mro__[1:])
        if inspect.isfunction(function) and not name.startswith("_") and not overrides:
            yield name, function, not isinstance(value, staticmethod)


def section(doc, name):
    found = re.search(rf"^{name}:\n((?:    .*\n?|\n)*)", doc, re.MULTILINE)
    return found[1] if found else ""


def lacking(value, with_example, bound=False):
    """What the docstring of a function or class lacks; of a bound function, the first argument is its object."""
    doc = inspect.getdoc(value) or ""
    if not doc:
        return ["a docstring"]
    if INHERITED.match(doc):
        return []
    found = ["a summary of one line"] if "\n" in doc.partition("\n\n")[0] else []
    every = parameters_of(value)
    parameters = every[bound:]
    several = {p.name for p in parameters if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    names = [p.name for p in parameters if p.name not in several]
    explained = [name.strip(" `*") for group in NAMED.findall(section(doc, "Args")) for name in group.split(",")]
    # the summary tells what the first argument is, if it is not listed
    wanted = names if explained else names[1:]
    found += [f"argument {name}" for name in wanted if not re.search(rf"\b{name}\b", doc)]
    if not inspect.isclass(value):
        found += [f"{name}, which is no argument," for name in explained if name not in {p.name for p in every}]
        raised = {error for error in RAISES.findall(source_of(value)) if error[0].isupper()} - ABSTRACT
        if raised and "Raises:" not in doc:
            found.append("errors")
    if with_example and ">>>" not in doc:
        found.append("an example")
    return found


def parameters_of(value):
    try:
        return list(inspect.signature(value).parameters.values())
    except ValueError:  # an error without a constructor of its own
        return []


def source_of(function):
    return "" if hasattr(function, "op") else textwrap.dedent(inspect.getsource(function))


@pytest.mark.parametrize("package", ROOMS)
def test_docstrings_of_public_functions_and_classes_are_complete(package):
    missing = {name: lacking(value, True) for name, value in public(package)}
    assert len(missing) >= 3
    assert {name: what for name, what in missing.items() if what} == {}


@pytest.mark.parametrize("package", ROOMS)
def test_docstrings_of_public_methods_are_complete(package):
    classes = [(name, value) for name, value in public(package) if inspect.isclass(value)]
    missing = {
        f"{name}.{method}": lacking(f, False, bound) for name, value in classes for method, f, bound in members(value)
    }
    assert {name: what for name, what in missing.items() if what} == {}


def complete(size, *, seed=0):
    """The numbers below a size.

    Args:
        size: how many.
        seed: the random seed.

    Raises:
        ValueError: if there are none.

    Example:
        >>> complete(1)
        [0]
    """
    if size < 1:
        raise ValueError(f"no numbers below {size}")
    return list(range(size))


def without(old, new=""):
    """The function with something else in its docstring."""
    changed = lambda size, *, seed=0: None
    changed.__doc__ = complete.__doc__.replace(old, new)
    assert changed.__doc__ != complete.__doc__
    changed.__wrapped__ = complete
    return changed


def test_a_complete_docstring_lacks_nothing():
    assert lacking(complete, True) == []


@pytest.mark.parametrize(
    ("old", "new", "lack"),
    [
        ("size.\n", "size,\n    from 0.\n", "a summary of one line"),
        ("seed: the random seed.", "", "argument seed"),
        ("seed: the random seed", "seeds: numbers", "argument seed"),
        ("seed:", "speed: a seed.\n        seed:", "speed, which is no argument,"),
        ("Raises:", "Note:", "errors"),
        (">>>", "", "an example"),
    ],
)
def test_what_a_docstring_lacks_is_named(old, new, lack):
    assert lack in lacking(without(old, new), True)
