"""Every public name and keyword argument of PyTorch that a user may try is here, or its error says what to use.

The names are PyTorch's own, as it lists them, so that what a new version adds is seen here.
"""

import inspect
import re
from collections import Counter

import numpy as np
import pytest
from oracles import oracle

import tinyseq as ts
from tinyseq.torch_names import lookup, names, of_modules, of_tasks, other_names
from tinyseq.torch_names.settings import SETTINGS

torch = oracle("torch")

x = ts.tensor([[1.0, 2.0]], requires_grad=True)
OWNERS = {
    "torch.Tensor": (torch.Tensor, x),
    "torch": (torch, ts),
    "torch.autograd": (torch.autograd, ts.autograd),
    "torch.nn": (torch.nn, ts.nn),
    "torch.nn.init": (torch.nn.init, ts.nn.init),
    "torch.optim": (torch.optim, ts.optim),
    "torch.optim.lr_scheduler": (torch.optim.lr_scheduler, ts.optim),
    "torch.utils.data": (torch.utils.data, ts.data),
    "torch.nn.Module": (torch.nn.Module, ts.nn.Linear(1, 1)),
    "torch.optim.Optimizer": (torch.optim.SGD, ts.optim.SGD([x], lr=0.1)),
}
# What PyTorch lists and no user calls: modules of Python's that it imports, types of its compiler, kernels.
INTERNAL = re.compile(
    r"sys|os|math|torch|types|typing|typename|warnings|functools|textwrap|inspect|threading|platform|glob|importlib|"
    r"ctypes|builtins|cast|override|wraps|partial|ref|annotations|bisect_right|Counter|Any|Callable|Literal|Self|"
    r"SupportsFloat|Sequence|TypedDict|TypeVar|ParamSpec|Optional|TYPE_CHECKING|EPOCH_DEPRECATION_WARNING|DFIterDataPipe|"
    r".*(Type|Storage|Object|Iterator|List|Dict|Argument|Spec|Context|Error|Info|Node|Block|Stats|Config|Logger|"
    r"LoggerBase|Plan|Value|Capsule|Guard|Set|Key|Unit|Check|Function|Method|Module|Serializer|Writer|Reader|Property|"
    r"State|Report|Use|Schema|Hook|Tensor|Exception|Interface|Generic)|"
    r"AVG|SUM|CallStack|.*Builder|.*MemoTable|.*Subclass|Event|classproperty|thread_safe_generator|lu_unpack|.*Options|qat|inf|DataChunk|AliasDb|Code|Future|Gradient|Graph|IODescriptor|Stream|Tag|ThroughputBenchmark|PRIVATE_OPS|USE_.*|Sym.*|sym_.*|"
    r".*_copy|.*_(enabled|mode|mode_enabled|nesting|cache|precision|denormal|always|threads|gradient|path|destination)|"
    r"(is|get|set|has|init|merge|parse|import|unify|prepare|read|register|hash)_.*|"
    r"batch_norm_.*|native_.*|cudnn_.*|fused_.*|choose_.*|fake_.*|empty_.*|nonzero_static|norm_except_dim|"
    r"argument_validation|functional_datapipe|guaranteed_.*|non_deterministic|runtime_.*|graph_settings|dataset|"
    r"dataloader|sampler|distributed|common_types|factory_kwargs|intrinsic|modules|attention|grad|"
    r"T_destination|call_super_init|dump_patches|profile_hook_step|swap_in_.*|module_load|grad_dtype|const_data_ptr|"
    r"(cpp|monitor|types|return_types|torch_version|windows|signal|special|testing|serialization|masked|nested|hub|"
    r"while_loop|cond|matrix_exp|backends|compiler|ao|autograd|cpu|fx|mtia|amp|sparse|random|multiprocessing|"
    r"segment_reduce|sspaddmm|saddmm|dsmm|hsmm|hspmm|lobpcg|.*_lowrank|range|name|values|new|put|map_?|map2_?|apply_|as_subclass|"
    r"handle_.*|kineto_.*|overload|enforce_.*|reinforce|volatile|resolve_.*|resize_as.*|sum_to_size|set_|bits?\d*.*|to_dlpack|from_.*|frombuffer|"
    r"use_deterministic_algorithms|result_type|can_cast|promote_types|compiled_with_.*|constant_pad_nd|.*_backward_.*)"
)


def public(owner):
    # Which modules PyTorch lists depends on what else this process has imported.
    listed = [name for name in dir(owner) if not name.startswith("_")]
    return sorted(name for name in listed if not inspect.ismodule(getattr(owner, name, None)))


def answer(owner, name):
    """None where the library has the name, else what the error says behind its first sentence."""
    try:
        getattr(owner, name)
    except AttributeError as error:
        head, _, cure = str(error).partition("; ")
        assert re.search(rf"has no attribute {name!r}$", head)
        return cure
    return None


@pytest.mark.parametrize("place", sorted(OWNERS))
def test_every_name_of_pytorch_is_here_or_its_error_says_what_to_use(place):
    theirs, ours = OWNERS[place]
    answers = {name: answer(ours, name) for name in public(theirs) if not INTERNAL.fullmatch(name)}
    assert [name for name, cure in answers.items() if cure == ""] == []
    count = Counter(
        "here" if cure is None else "not here" if "no counterpart" in cure else "hint" for cure in answers.values()
    )
    print(f"{place}: {dict(count)} of {len(answers)}")
    assert count["here"] + count["hint"] > 0


@pytest.mark.parametrize("place", sorted(OWNERS))
def test_what_an_error_names_exists(place):
    """A name of the library in a cure, such as ts.nn.mse_loss, can be used."""
    theirs, ours = OWNERS[place]
    found = 0
    for name in public(theirs):
        for path in re.findall(r"\b(ts|np|t)((?:\.[A-Za-z_]\w*)+)", answer(ours, name) or ""):
            value = {"ts": ts, "np": np, "t": x}[path[0]]
            for part in path[1].split(".")[1:]:
                value = getattr(value, part)
            found += 1
    assert found or place == "torch.optim.Optimizer"


def leads(path, value):
    """Whether a path of attributes, such as ``.emissions.means``, starts from a value."""
    for part in path.split(".")[1:]:
        if not hasattr(value, part):
            return False
        value = getattr(value, part)
    return True


def test_what_the_tables_name_exists():
    """Also cures that no name of PyTorch leads to; ``model`` is an HMM."""
    normal = ts.hmm.Gaussian([[0.0]], [[[1.0]]])
    mixed = ts.hmm.GaussianMixture([[1.0]], [[[0.0]]], [[[1.0]]])
    models = [ts.hmm.HMM([1.0], [[1.0]], kind) for kind in ([[1.0]], normal, mixed, ts.hmm.Poisson([[1.0]]))]
    tables = {"HMM": other_names.HMM, "MODULE": of_modules.MODULE, "WRITTEN": names.WRITTEN, **lookup.MODULES}
    tables |= {"CRF": other_names.CRF, "ESTIMATOR": other_names.ESTIMATOR}
    estimators = [
        ts.hmm.HMMEstimator().fit([[0, 1]]),
        ts.hmm.HMMEstimator(1, emission="diag", n_iter=1).fit([[[0.0], [1.0]]]),
    ]
    starts = {"ts": [ts], "crf": [ts.nn.CRF(2)], "model": models, "estimator": estimators}
    found = 0
    text = ts.lm.NgramLM(2).fit("abc"), ts.lm.RNNLM("ab", 2)
    sentences = [[("a", "X"), ("b", "Y")]]
    taggers = [kind.fit(sentences) for kind in (ts.tagging.HMMTagger(2), ts.tagging.RNNTagger(2, 2, epochs=1))]
    recurrent = ts.classify.RNNClassifier(2, 2, epochs=1)
    classifiers = [kind.fit(["a", "b"], ["x", "y"]) for kind in (ts.classify.NaiveBayes(), recurrent)]
    starts |= {"tagger": taggers, "classifier": classifiers, "vocabulary": [ts.data.Vocabulary("ab")]}
    starts |= {"mixture": [ts.lm.Mixture([text[0], text[0]])], "plateau": [ts.optim.Plateau(0.1)]}
    starts |= {"optimizer": [ts.optim.SGD([x], 0.1)], "reader": [ts.data.conllu], "embedding": [ts.nn.Embedding(2, 2)]}
    tables |= {name: table for name, table in vars(of_tasks).items() if name.isupper() and isinstance(table, dict)}
    tables |= {"SETTINGS": {name: " ".join(np.atleast_1d(cures)) for name, cures in SETTINGS.items()}}
    tables |= {"OPTIMIZER": of_modules.OPTIMIZER}
    for table, cures in tables.items():
        starts["model"] = text if table in ("LM", "LANGUAGE_MODEL", "NGRAMS") else models
        for cure in cures.values():
            for owner, path in re.findall(rf"\b({'|'.join(starts)})((?:\.[A-Za-z_]\w*)+)", cure):
                if owner == "model" and table in ("MODULE", "PACKAGE", "ts"):
                    continue
                assert any(leads(path, start) for start in starts[owner]), cure
                found += 1
    assert found > 350


def test_dir_lists_the_public_names_and_no_others():
    assert ts.exercises.__all__  # which is imported here, when it is first used
    modules = dict(lookup.public_modules(ts))
    assert {
        "ts",
        "ts.exercises",
        "ts.hmm",
        "ts.hmm.semirings",
        "ts.nn.init",
        "ts.viz.plots",
        "ts.random",
        "ts.memory",
    } <= set(modules)
    for module in modules.values():
        assert [name for name in dir(module) if not name.startswith("_")] == sorted(module.__all__)
        for name in module.__all__:
            assert getattr(module, name) is not None


def test_every_public_name_is_found_from_every_public_module():
    """One that is typed behind another module, as ``ts.RNNLM``, or with other letters, leads to where it is."""
    modules = dict(lookup.public_modules(ts))
    for place, module in modules.items():
        for other in modules.values():
            for name in module.__all__:
                for typed in (name, name.lower(), name.replace("_", "")):
                    cure = answer(other, typed)
                    if cure is not None:  # what a module imports for itself is an attribute, too
                        assert cure, (other, typed, place)
                        assert not cure.startswith("the nearest"), (other, typed, place)


def test_the_names_of_hmmlearn_and_nltk_say_what_to_use():
    hmmlearn, nltk = oracle("hmmlearn.hmm"), oracle("nltk.tag.hmm")
    model = ts.hmm.HMM([1.0], [[1.0]], [[1.0]])
    theirs = [hmmlearn.CategoricalHMM(2), hmmlearn.GaussianHMM(2), nltk.HiddenMarkovModelTagger]
    settings = re.compile(r"get_metadata_routing|set_\w+_request|.*_(prior|weight|type)|min_covar|implementation")
    scores = re.compile(  # of a tagger against tags, which `ts.tagging` has
        r"accuracy|confusion|evaluate_per_tag|f_measure|precision|recall|tag_sents|test|point_entropy|reset_cache|.*_simple"
    )
    for owner in theirs:
        for name in public(owner):
            if not settings.fullmatch(name) and not scores.fullmatch(name):
                assert answer(model, name) != "", name
    for name in ("startprob_", "transmat_", "emissionprob_", "means_", "covars_", "A", "B", "pi", "fit", "score"):
        assert answer(model, name), name
    for name in public(hmmlearn):
        if name.endswith("HMM") and name != "BaseHMM":
            assert answer(ts.hmm, name), name


def test_the_common_ones_have_cures_of_their_own():
    for owner, name, cure in [
        (x, "add_", "use t = x + y, as values never change in place"),
        (x, "unsqueeze_", "use t = ts.expand_dims(t, axis), as values never change in place"),
        (x, "exp_", "use t = ts.exp(...), as values never change in place"),
        (x, "log1p", "use ts.log1p"),
        (x, "zero_", "use t.grad = None"),
        (x, "item_", "values never change in place"),
        (ts, "cat", "use ts.concatenate"),
        (ts, "randn", "use ts.tensor(rng.standard_normal"),
        (ts, "LSTM", "use ts.nn.LSTM"),
        (ts, "cross_entropy", "use ts.nn.cross_entropy"),
        (ts, "conv1d", "no counterpart here: it is for recurrent networks"),
        (ts.nn, "BCEWithLogitsLoss", "use ts.nn.binary_cross_entropy_with_logits"),
        (ts.nn, "CTCLoss", "use ts.nn.ctc_loss"),
        (ts.nn, "SmoothL1Loss", "use ts.nn.smooth_l1_loss"),
        (ts.nn, "LogSoftmax", "use ts.log_softmax"),
        (ts.optim, "lr_scheduler", "use ts.optim.step_decay"),
        (ts.data, "DataLoader", "use ts.data.bucketed"),
        (ts.nn.Linear(1, 1), "cuda", 'use model.to("cuda")'),
        (ts, "manual_sed", "the nearest name is ts.manual_seed"),
        (ts, "RNNLM", "use ts.lm.RNNLM"),
        (ts, "HMM", "use ts.hmm.HMM"),
        (ts, "viterbi", "use ts.hmm.HMM(...).viterbi(x)"),
        (ts.hmm, "baum_welch", "use ts.hmm.HMM(...).fit_em(sequences)"),
        (ts.viz, "draw", "use ts.viz.graph(tensor)"),
        (ts.viz, "grph", "the nearest name is ts.viz.graph"),
    ]:
        assert cure in answer(owner, name)
    assert answer(ts, "nonsense") == answer(x, "nonsense") == answer(x, "_private") == ""


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("grad", "use ts.grad"),
        ("gradcheck", "use ts.testing.gradcheck"),
        ("set_detect_anomaly", "use ts.detect_anomaly()"),
        ("Function", "use tinyseq.autograd.declare.op"),
        ("Variable", "use ts.tensor(data, requires_grad=True)"),
        ("functional", "use ts.jacobian"),
    ],
)
def test_what_torch_autograd_has_is_explained_by_the_module_of_its_name(name, cure):
    with pytest.raises(AttributeError, match=re.escape(f"module 'tinyseq.autograd' has no attribute {name!r}; {cure}")):
        getattr(ts.autograd, name)
    assert ts.autograd.declare.op is not None


def test_what_a_model_of_the_users_own_lacks_is_not_looked_for_elsewhere():
    class Model(ts.nn.Module):
        pass

    for name in ("lstm", "dropout", "conv1", "sum_"):
        assert answer(Model(), name) == ""


def test_size_is_a_number_that_says_what_to_call():
    t = ts.zeros(2, 3)
    assert t.size == 6
    assert isinstance(t.size, int)
    for call, message in ((lambda: t.size(0), r"use t\.shape\[0\] "), (lambda: t.size(), r"use t\.shape ")):
        with pytest.raises(TypeError, match=message):
            call()


def test_no_habit_is_a_name_that_exists():
    owners = [(names.TENSOR, x), (other_names.HMM, ts.hmm.HMM([1.0], [[1.0]], [[1.0]]))]
    owners += [(of_tasks.TAGGER, ts.tagging.HMMTagger()), (other_names.DRAWING, ts.viz.cell("rnn"))]
    models = ts.lm.NgramLM(2).fit("ab"), ts.lm.WindowLM("ab", 2, 2), ts.lm.RNNLM("ab", 2)
    owners += [(of_tasks.LANGUAGE_MODEL, model) for model in (*models, ts.lm.Mixture(models))]
    owners += [(of_tasks.CLASSIFIER, kind()) for kind in (ts.classify.NaiveBayes, ts.classify.RNNClassifier)]
    owners += [
        (of_modules.MODULE, OWNERS["torch.nn.Module"][1]),
        (of_modules.OPTIMIZER, OWNERS["torch.optim.Optimizer"][1]),
    ]
    owners += [
        (lookup.MODULES[place], module) for place, module in lookup.public_modules(ts) if place in lookup.MODULES
    ]
    owners += [(other_names.AUTOGRAD, ts.autograd)]
    owners += [(other_names.CRF, ts.nn.CRF(2)), (other_names.ESTIMATOR, ts.hmm.HMMEstimator().fit([[0, 1]]))]
    owners += [(of_tasks.NGRAMS, ts.lm.NgramLM(2)), (of_tasks.VOCABULARY, ts.data.Vocabulary("ab"))]
    owners += [(of_tasks.MIXTURE, ts.lm.Mixture(models)), (of_tasks.NAIVE_BAYES, ts.classify.NaiveBayes())]
    owners += [(of_tasks.READER, ts.data.conllu), (of_tasks.PLATEAU, ts.optim.Plateau(0.1))]
    owners += [(of_tasks.EMBEDDING, ts.nn.Embedding(2, 2))]
    assert len(owners) == 21 + len(lookup.MODULES)
    for table, owner in owners:
        assert [name for name in table if hasattr(owner, name)] == []
    operators = [name for name in names.WRITTEN if hasattr(ts, name)]
    assert [name for name in operators if not re.fullmatch(r"x \S+ y", names.WRITTEN[name])] == []
    assert len(names.WRITTEN) > 60


# -- keyword arguments -------------------------------------------------------------------------------------------------


def shared_callables():
    """Everything of one name in both libraries whose arguments PyTorch tells."""
    rooms = [(torch.nn, ts.nn), (torch.optim, ts.optim), (torch.nn.functional, ts), (torch.nn.functional, ts.nn)]
    for theirs, ours in rooms:
        for name in public(theirs):
            both = getattr(theirs, name), getattr(ours, name, None)
            told = callable(both[1]) and inspect.isclass(both[0]) == inspect.isclass(both[1])
            op = getattr(both[1], "op", None)
            if told and not inspect.ismodule(both[0]) and (op is None or op.defaults):  # tensors of ops have no names
                yield name, *both


CALLS = list({name: (name, theirs, ours) for name, theirs, ours in shared_callables()}.values())


@pytest.mark.parametrize(("name", "theirs", "ours"), CALLS, ids=[name for name, _, _ in CALLS])
def test_every_keyword_argument_of_pytorch_is_here_or_its_error_says_what_to_use(name, theirs, ours):
    try:
        parameters = inspect.signature(theirs).parameters.values()
    except ValueError:
        pytest.skip("PyTorch does not tell its arguments")
    unexplained = []
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or parameter.name.startswith("_"):
            continue
        try:
            ours(**{parameter.name: None})
        except Exception as error:
            refused = re.search(r"unexpected keyword argument|has no setting", str(error))
            cure = SETTINGS.get(parameter.name, "\0")
            cures = (*([cure] if isinstance(cure, str) else cure), f"did you mean {parameter.name}s=?")
            if refused and parameter.name != "defaults" and not str(error).endswith(cures):
                unexplained.append(parameter.name)
    assert unexplained == []


def test_keyword_arguments_are_explained_wherever_they_are_given():
    for call, message in [
        (lambda: x.sum(dim=1), "sum has no setting 'dim'.*; use axis="),
        (lambda: ts.mean(x, dim=1), "mean.*'dim'; use axis="),
        (lambda: x.mean(dim=1), "mean.*'dim'; use axis="),
        (lambda: x.max(keepdim=True), "'keepdim'.*; use keepdims="),
        (lambda: ts.zeros(2, device="cuda"), r"'device'; .*\.to\(\"cuda\"\)"),
        (lambda: ts.tensor([1.0], device="cuda"), r"'device'; .*\.to\(\"cuda\"\)"),
        (lambda: x.to(device="cuda"), r"'device'; .*\.to\(\"cuda\"\)"),
        (lambda: x.sum().backward(create_graph=True), r"'create_graph'; ts\.grad\("),
        (lambda: ts.nn.LSTM(1, 1, proj_size=1), "'proj_size'; put a ts.nn.Linear after"),
        (lambda: ts.nn.GRU(1, 1, nonlinearity="relu"), "'nonlinearity'; only RNN and RNNCell"),
        (lambda: ts.nn.Dropout(0.1, inplace=True), "'inplace'; values never change"),
        (lambda: ts.optim.Adam([x], foreach=True), "'foreach'; leave it out"),
        (lambda: ts.nn.mse_loss(x, x, size_average=True), "'size_average'; use reduction="),
        (lambda: ts.viz.cell("lstm", theme="dark"), r"'theme'; draw it in `with ts\.viz\.defaults\(theme=\"dark\"\)"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()


def test_an_error_of_the_users_own_code_is_left_alone():
    class Model(ts.nn.Module):
        def __init__(self, width):
            dict.fromkeys([], dim=width)

    with pytest.raises(TypeError, match=r"takes no keyword arguments$"):
        Model(width=3)
    assert len(SETTINGS) > 30


@pytest.mark.parametrize(
    "kind", [ts.nn.Linear, ts.nn.LSTM, ts.nn.Embedding, ts.optim.Adam], ids=lambda kind: kind.__name__
)
def test_help_and_editors_see_what_a_class_takes(kind):
    names = list(inspect.signature(kind).parameters)
    assert names == list(inspect.signature(kind.__init__).parameters)[1:]
    assert len(names) > 1
    assert "settings" not in names


def test_an_error_in_what_is_imported_later_is_not_taken_for_a_missing_name(monkeypatch):
    def broken(name):
        raise AttributeError(f"inside of {name}")

    monkeypatch.delattr(ts, "exercises", raising=False)
    monkeypatch.setattr(lookup, "import_module", broken)
    with pytest.raises(AttributeError, match=r"^inside of tinyseq\.exercises$"):
        ts.exercises  # noqa: B018


def test_a_name_that_one_module_explains_is_explained_by_every_module():
    told: dict[str, set[str]] = {}
    for table in lookup.MODULES.values():
        for name, cure in table.items():
            told.setdefault(name, set()).add(cure)
    for _, module in lookup.public_modules(ts):
        for name in (name for name, cures in told.items() if len(cures) == 1):
            if not hasattr(module, name):
                with pytest.raises(AttributeError, match="; use "):
                    getattr(module, name)
    with pytest.raises(AttributeError, match=r"use ts\.tagging\.RNNTagger$"):
        ts.BiLSTMTagger  # noqa: B018
    with pytest.raises(AttributeError, match=r"use ts\.data\.conllu, .*ts\.data\.two_column"):
        ts.tagging.read_conll  # noqa: B018
