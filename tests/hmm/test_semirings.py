"""Every semiring keeps the laws, and the recurrence in it equals the sum over all paths, one by one.

The semirings are found in their module, so a new one is tested without a line here.
"""

import inspect
from types import ModuleType
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.hmm.inference import semirings
from tinyseq.hmm.inference.laws import check_laws, check_paths
from tinyseq.hmm.inference.semirings import Semiring

ARGUMENTS = {"int": lambda: 3, "Generator": lambda: np.random.default_rng(0)}  # by their type


def found_in(module):
    """The semirings of a module by name: those declared there, and one of each function that makes some."""
    made = {}
    for name, item in vars(module).items():
        if isinstance(item, Semiring):
            made[name] = item
        elif inspect.isfunction(item) and inspect.signature(item).return_annotation is Semiring:
            annotations = [parameter.annotation for parameter in inspect.signature(item).parameters.values()]
            kinds = [(get_args(annotation) or (annotation,))[0].__name__ for annotation in annotations]
            made[name] = item(*(ARGUMENTS[kind]() for kind in kinds))
    return made


@pytest.mark.parametrize("name", found_in(semirings))
@given(seed=st.integers(0, 2**32 - 1))
def test_the_laws_hold(name, seed):
    check_laws(found_in(semirings)[name], seed)


@pytest.mark.parametrize("name", found_in(semirings))
@given(seed=st.integers(0, 2**32 - 1))
def test_the_chain_is_the_sum_over_all_paths(name, seed):
    check_paths(found_in(semirings)[name], seed)


def declared(text):
    module = ModuleType("scratch")
    exec(
        "from tinyseq.hmm.inference.semirings import Semiring, namespace\nfrom math import inf\n" + text,
        module.__dict__,
    )
    return found_in(module)


def test_a_semiring_declared_in_one_file_is_found_and_tested():
    made = declared('CHEAPEST = Semiring("cheapest", sum=lambda x, axis: namespace(x).min(x, axis=axis), zero=inf)')
    assert list(made) == ["CHEAPEST"]
    ts.hmm.check_semiring(made["CHEAPEST"])


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ('Semiring("a mean is no sum", sum=lambda x, axis: namespace(x).mean(x, axis=axis))', "joining in two steps"),
        ('Semiring("the wrong zero", sum=lambda x, axis: namespace(x).min(x, axis=axis))', "an impossible path gives"),
        (
            'Semiring("does not distribute", sum=lambda x, axis: namespace(x).sum(x, axis=axis))',
            "extending before",
        ),
        (
            'Semiring("keeps the axis", sum=lambda x, axis: namespace(x).max(x, axis=axis, keepdims=True))',
            r"gives shape .* must remove the axis",
        ),
    ],
)
def test_what_is_no_semiring_breaks_a_law(text, law):
    wrong = declared(f"WRONG = {text}")["WRONG"]
    with pytest.raises(ts.testing.ContractError, match=law):
        ts.hmm.check_semiring(wrong)


@pytest.mark.parametrize(("k", "error"), [(2.0, TypeError), (True, TypeError), ("2", TypeError), (0, ValueError)])
def test_a_list_of_k_paths_needs_a_whole_number(k, error):
    with pytest.raises(error, match="k must be"):
        semirings.KBest(k)
