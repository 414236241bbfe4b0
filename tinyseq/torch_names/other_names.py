"""Names of hmmlearn, NLTK, the textbooks and NumPy, and other first guesses, by owner."""

_FIT = "model.fit_em(sequences).model for sequences without labels, ts.hmm.HMM.from_labelled(pairs) for labelled ones"
_FILES = "model.save(path) and ts.hmm.HMM.load(path)"
_SKLEARN = "ts.hmm.HMMEstimator, which has the settings and methods of scikit-learn"
HMM = {  # attributes of a model
    **dict.fromkeys(("fit", "train", "train_unsupervised", "baum_welch", "em", "learn", "from_sequences"), _FIT),
    **dict.fromkeys(("from_data", "from_text", "summarize", "from_summaries"), _FIT),
    **dict.fromkeys(("train_supervised", "from_samples", "from_counts"), "ts.hmm.HMM.from_labelled(pairs)"),
    **dict.fromkeys(("score", "log_probability", "log_prob", "loglik", "evaluate", "test"), "model.log_likelihood(x)"),
    **dict.fromkeys(("likelihood", "prob"), "model.probability(x), or model.log_likelihood(x)"),
    **dict.fromkeys(("joint", "log_joint", "joint_probability"), "model.probability(x, states)"),
    **dict.fromkeys(
        ("decode", "best_path", "best_path_simple", "tag", "tag_sents", "most_likely_states"), "model.viterbi(x)"
    ),
    **dict.fromkeys(
        (
            "predict_proba",
            "predict_log_proba",
            "score_samples",
            "forward_backward",
            "smooth",
            "smoother",
            "gamma",
            "xi",
        ),
        "model.posterior(x), with .states and .transitions",
    ),
    **dict.fromkeys(("forward", "alpha", "alphas"), "model.forward_table(x), or model.filter(x)"),
    **dict.fromkeys(("backward", "beta", "betas"), "model.posterior(x), or ts.hmm.messages for one's own chain"),
    **dict.fromkeys(("random_sample", "generate", "simulate"), "model.sample(length)"),
    **dict.fromkeys(("get_stationary_distribution", "stationary_distribution"), "model.stationary()"),
    **dict.fromkeys(("startprob_", "startprob", "start", "pi", "initial_probs", "priors"), "model.initial"),
    **dict.fromkeys(("transmat_", "transmat", "A", "transitions", "transition_matrix"), "model.transition"),
    **dict.fromkeys(("emissionprob_", "emissionprob", "B", "outputs", "emission_matrix"), "model.emission"),
    **dict.fromkeys(("means_", "means"), "model.emissions.means"),
    **dict.fromkeys(("covars_", "covars", "covariances"), "model.emissions.covariances"),
    **dict.fromkeys(("lambdas_", "rates"), "model.emissions.rates"),
    **dict.fromkeys(("n_components", "n_states", "num_states", "K"), "len(model.states)"),
    **dict.fromkeys(("n_features", "n_symbols", "num_symbols", "V"), "len(model.symbols)"),
    **dict.fromkeys(("order", "ngram"), "model.n, the length of the n-grams of states"),
    **dict.fromkeys(("get_params", "set_params", "random_state", "n_iter", "tol", "verbose", "algorithm"), _SKLEARN),
    **dict.fromkeys(("init_params", "params"), "learn= of model.fit_em, or " + _SKLEARN),
    "monitor_": "model.fit_em(sequences).log_likelihoods",
    **dict.fromkeys(("topk", "nbest"), "model.kbest(x, k)"),
    **dict.fromkeys(("maximum_a_posteriori", "map", "predict_marginals"), "model.posterior_decode(x)"),
    **dict.fromkeys(("point_entropy", "viterbi_entropy"), "model.entropy(x), or model.posterior(x).states"),
    **dict.fromkeys(
        ("from_matrix", "from_matrices", "from_probs", "from_tables", "from_probabilities", "bake", "random"),
        "ts.hmm.HMM(initial, transition, emission)",
    ),
    **dict.fromkeys(
        ("add_state", "add_states", "add_transition", "add_transitions", "add_edge", "add_distribution"),
        "ts.hmm.HMM(initial, transition, emission), a new model, as models do not change",
    ),
    **dict.fromkeys(
        ("add_distributions", "freeze", "unfreeze", "thaw", "frozen"),
        "learn= of model.fit_em, which says what is learned, as models do not change",
    ),
    "distributions": "model.emissions",
    **dict.fromkeys(("edges", "dense_transition_matrix"), "model.transition"),
    "starts": "model.initial",
    **dict.fromkeys(("ends", "stop"), "model.end"),
    **dict.fromkeys(("state_dict", "to_json", "from_json", "to_yaml", "from_yaml", "dump", "dumps"), _FILES),
    "load_model": "ts.hmm.HMM.load(path), or ts.load_model(path)",
    **dict.fromkeys(("plot", "draw", "graph"), "ts.viz.automaton(model), or ts.viz.trellis(model, x)"),
    **dict.fromkeys(
        ("accuracy", "confusion", "evaluate_per_tag", "f_measure", "precision", "recall"),
        "ts.tagging.HMMTagger, with tagger.accuracy(sentences) and tagger.analyse(sentences)",
    ),
    "reset_cache": "the model as it is: it keeps no cache that could be out of date",
    **dict.fromkeys(
        (
            "startprob_prior",
            "transmat_prior",
            "emissionprob_prior",
            "means_prior",
            "means_weight",
            "covars_prior",
            "covars_weight",
            "weights_prior",
            "lambdas_prior",
            "lambdas_weight",
        ),
        "priors= of model.fit_em; ts.hmm.hmmlearn_priors(model) converts hmmlearn's",
    ),
    **dict.fromkeys(("covariance_type", "min_covar"), "model.emissions.covariance_type, or .floor"),
    **dict.fromkeys(("weights_", "weights", "n_mix"), "model.emissions.weights"),
    **dict.fromkeys(("implementation", "check_random_state", "get_metadata_routing", "inertia"), _SKLEARN),
}
ESTIMATOR = {  # attributes of HMMEstimator
    "startprob_": "estimator.hmm_.initial",
    "transmat_": "estimator.hmm_.transition",
    "emissionprob_": "estimator.hmm_.emission",
    "means_": "estimator.hmm_.emissions.means",
    "covars_": "estimator.hmm_.emissions.covariances",
    "monitor_": "estimator.fitted_.log_likelihoods",
    "algorithm": "estimator.hmm_.viterbi(x), or estimator.hmm_.posterior_decode(x)",
    **dict.fromkeys(("decode", "viterbi"), "estimator.predict(X), or estimator.hmm_.viterbi(x)"),
    **dict.fromkeys(("sample", "aic", "bic", "save", "posterior"), "that of estimator.hmm_, the fitted model"),
    "score_samples": "estimator.predict_proba(X)",
    **dict.fromkeys(("train", "fit_em"), "estimator.fit(X)"),
    "covariance_type": "emission=, which takes the covariance type",
    "min_covar": "floor=",
    **dict.fromkeys(("params", "init_params"), "learn="),
    "verbose": "estimator.fit(X, progress=True)",
    "get_stationary_distribution": "estimator.hmm_.stationary()",
}
_CRF_AS_HMM = (
    "start, transition, end = crf.tables(), and ts.hmm.HMM.from_logs(start, transition, None, end=end), a model with "
)
CRF = {  # attributes of a conditional random field
    **dict.fromkeys(
        ("viterbi", "viterbi_decode", "viterbi_tags", "viterbi_path", "best_path", "predict", "tag", "argmax"),
        "crf.decode(scores)",
    ),
    **dict.fromkeys(
        ("loss", "nll", "nll_loss", "neg_log_likelihood", "neg_log_likelihood_loss", "negative_log_likelihood"),
        '-crf.log_likelihood(scores, tags, reduction="mean")',
    ),
    **dict.fromkeys(
        ("score", "log_prob", "llh", "log_probability", "joint_score", "sequence_score", "compute_log_likelihood"),
        "crf.log_likelihood(scores, tags)",
    ),
    **dict.fromkeys(
        ("transitions", "trans", "trans_matrix", "transition_matrix", "transition_params", "pairwise"),
        "crf.transition",
    ),
    **dict.fromkeys(("start_transitions", "start_trans", "initial"), "crf.start"),
    **dict.fromkeys(("end_transitions", "end_trans", "stop"), "crf.end"),
    **dict.fromkeys(
        (
            "marginal_probabilities",
            "compute_marginal_probabilities",
            "posterior",
            "posteriors",
            "predict_proba",
            "predict_marginals",
            "predict_marginals_single",
            "forward_backward",
        ),
        "crf.marginals(scores)",
    ),
    **dict.fromkeys(
        (
            "partition",
            "log_partition",
            "normalizer",
            "compute_partition",
            "partition_function",
            "logZ",
            "forward_alg",
            "forward_algorithm",
        ),
        "start, transition, end = crf.tables(), and ts.hmm.log_partition(start, transition, scores, end)",
    ),
    **dict.fromkeys(("kbest", "topk", "nbest", "viterbi_nbest"), _CRF_AS_HMM + "kbest(scores, k)"),
    **dict.fromkeys(("sample", "sample_posterior"), _CRF_AS_HMM + "sample_posterior(scores)"),
    "entropy": _CRF_AS_HMM + "entropy(scores)",
    "reset_parameters": "a new ts.nn.CRF(num_tags)",
    **dict.fromkeys(("constraints", "forbidden", "allowed_transitions"), "forbidden= of ts.nn.CRF; see crf.tables()"),
    **dict.fromkeys(("fit", "train_step"), "a training loop: its loss is -crf.log_likelihood(scores, tags).mean()"),
    **dict.fromkeys(("num_labels", "num_classes", "n_tags", "num_states"), "crf.num_tags"),
    **dict.fromkeys(("draw", "plot", "trellis"), "ts.viz.trellis(crf, scores)"),
}
OF_A_MODEL = {  # functions elsewhere, methods of a model here
    **dict.fromkeys(("viterbi", "decode"), "ts.hmm.HMM(...).viterbi(x), or ts.hmm.best_score for a chain of scores"),
    **dict.fromkeys(("forward", "forward_algorithm"), "ts.hmm.HMM(...).forward_table(x), or ts.hmm.chain for scores"),
    **dict.fromkeys(
        ("forward_backward", "posterior", "posteriors"), "ts.hmm.HMM(...).posterior(x), or ts.hmm.messages"
    ),
    **dict.fromkeys(("baum_welch", "em", "fit_em"), "ts.hmm.HMM(...).fit_em(sequences)"),
}
HMM_MODULE = {
    **OF_A_MODEL,
    **dict.fromkeys(
        ("CategoricalHMM", "HiddenMarkovModel", "DenseHMM", "Model"), "ts.hmm.HMM(initial, transition, emission)"
    ),
    "MultinomialHMM": "ts.hmm.HMM with ts.hmm.Multinomial, or with a table for one symbol per step",
    "GaussianHMM": "ts.hmm.HMM with ts.hmm.Gaussian as its emission",
    "GMMHMM": "ts.hmm.HMM with ts.hmm.GaussianMixture as its emission",
    "PoissonHMM": "ts.hmm.HMM with ts.hmm.Poisson as its emission",
    "HiddenMarkovModelTagger": "ts.tagging.HMMTagger",
    "HiddenMarkovModelTrainer": "ts.hmm.HMM.from_labelled(pairs), or model.fit_em(sequences)",
    "CRF": "ts.nn.CRF",
    **dict.fromkeys(("SparseHMM", "BaseHMM", "MarkovChain", "HMMModel"), "ts.hmm.HMM(initial, transition, emission)"),
    **dict.fromkeys(("VariationalGaussianHMM", "VariationalCategoricalHMM"), "priors= of ts.hmm.HMM.fit_em"),
    **dict.fromkeys(
        ("Normal", "NormalDistribution", "MultivariateGaussianDistribution", "MultivariateNormal", "Normals"),
        "ts.hmm.Gaussian",
    ),
    **dict.fromkeys(("GMM", "GeneralMixtureModel"), "ts.hmm.GaussianMixture"),
    **dict.fromkeys(("DiscreteDistribution", "Discrete", "Bernoulli"), "ts.hmm.Categorical, or a table of emissions"),
    "PoissonDistribution": "ts.hmm.Poisson",
    "StudentTDistribution": "ts.hmm.StudentT",
    **dict.fromkeys(
        ("Exponential", "Gamma", "IndependentComponents", "Uniform", "LogNormal", "Distribution", "Emission"),
        "ts.hmm.Density, the base of densities of one's own",
    ),
    **dict.fromkeys(("State", "Edge"), "states= of ts.hmm.HMM, and a table of transitions"),
    **dict.fromkeys(
        ("LaplaceProbDist", "LidstoneProbDist", "AddOne", "Laplace", "Lidstone"),
        "smoothing=ts.hmm.AddK(k) of ts.hmm.HMM.from_labelled",
    ),
    **dict.fromkeys(
        ("MLEProbDist", "ConditionalFreqDist", "FreqDist"), "ts.hmm.HMM.from_labelled(pairs), which counts"
    ),
    "WittenBellProbDist": 'smoothing="witten-bell" of ts.hmm.HMM.from_labelled',
    **dict.fromkeys(("viterbi_decode", "viterbi_path"), "ts.hmm.HMM(...).viterbi(x)"),
    **dict.fromkeys(("load", "load_model"), "ts.hmm.HMM.load(path), or ts.load_model(path)"),
    "Semiring": "ts.hmm.semirings.Semiring",
}
VIZ = {
    **dict.fromkeys(
        ("draw", "draw_graph", "make_dot", "dot", "draw_dot", "unroll", "unrolled", "computation_graph", "show"),
        "ts.viz.graph(tensor)",
    ),
    **dict.fromkeys(("confusion_matrix", "plot_confusion_matrix"), "ts.viz.confusion(counts, names)"),
    **dict.fromkeys(("lattice", "draw_trellis"), "ts.viz.trellis(model, observations)"),
    **dict.fromkeys(("draw_hmm", "transitions", "states", "state_diagram"), "ts.viz.automaton(model)"),
    **dict.fromkeys(("heatmap", "plot", "plot_loss", "history"), "one of ts.viz.plots, such as ts.viz.loss_curve"),
    **dict.fromkeys(("draw_cell", "lstm", "gru", "rnn"), "ts.viz.cell(layer)"),
}
TESTING = {
    **dict.fromkeys(
        ("check_gradients", "check_grad", "check_grads", "check_gradient", "grad_check", "numerical_gradient"),
        "ts.testing.gradcheck(function, inputs)",
    ),
    **dict.fromkeys(
        ("assert_close", "assert_allclose", "assert_array_equal", "assert_equal"),
        "np.testing.assert_allclose of t.numpy()",
    ),
}
INIT = {
    **dict.fromkeys(
        ("kaiming_uniform_", "kaiming_normal_", "kaiming_uniform", "kaiming_normal", "he_"),
        "ts.nn.init.xavier_uniform_(weight, gain=2 ** 0.5), which is the same for a square matrix",
    ),
    **dict.fromkeys(
        ("zeros_", "ones_", "constant_", "normal_", "uniform_", "trunc_normal_", "eye_", "dirac_", "eye", "dirac"),
        "weight.copy_(values) under ts.no_grad()",
    ),
    **{f"{name}": f"ts.nn.init.{name}_(weight)" for name in ("orthogonal", "xavier_normal", "xavier_uniform")},
    **dict.fromkeys(("xavier", "glorot", "glorot_uniform"), "ts.nn.init.xavier_uniform_(weight)"),
    "calculate_gain": "gain=5/3 for tanh, 2 ** 0.5 for relu, 1 otherwise",
    "forget_bias": "ts.nn.init.forget_bias_(layer)",
}
AUTOGRAD = {
    "Function": "tinyseq.autograd.declare.op, which declares an op with its gradient",
    **dict.fromkeys(("Variable", "variable"), "ts.tensor(data, requires_grad=True)"),
    "functional": "ts.jacobian, ts.hessian, ts.vjp, ts.jvp and ts.hvp",
    "set_detect_anomaly": "ts.detect_anomaly(), a context",
}
RANDOM = {
    **dict.fromkeys(("seed", "set_seed"), "ts.manual_seed(seed)"),
    **dict.fromkeys(
        ("rand", "randn", "random", "randint", "normal", "uniform", "choice", "permutation", "shuffle", "default_rng"),
        "ts.random.generator(), which is a generator of NumPy's",
    ),
}
DRAWING = {  # attributes of a drawing
    **dict.fromkeys(("show", "view", "plot", "display"), "drawing.save(path), or the drawing as a cell's last line"),
    **dict.fromkeys(("render", "savefig", "write", "to_svg", "to_png", "pipe"), 'drawing.save("name.svg") or .png'),
    **dict.fromkeys(("html", "to_html"), 'drawing.save("name.html"), or drawing.page() in a notebook'),
    "source": "drawing.dot",
}
