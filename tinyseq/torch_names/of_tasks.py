"""Names of PyTorch, Keras, NLTK, scikit-learn and Hugging Face for data, models of text and training."""

_COUNTED = "ts.lm.NgramLM(n).fit(text), which counts the n-grams and marks where sequences begin"
_LOADED = "ts.load_model(path)"
_NOT_ONE_OF_OURS = "ts.lm.RNNLM or ts.lm.WindowLM; there are no trained models"
DATA = {
    **{f"{verb}_{name}": f"ts.data.{name}(path)" for verb in ("read", "load") for name in ("conllu", "fasta", "table")},
    "DataLoader": "ts.data.bucketed for sequences, ts.data.Windows for a long text, "
    "and ts.data.padded to fill up a batch",
    "Dataset": "any list or array",
    **dict.fromkeys(
        ("pad_sequence", "pad_sequences", "pad", "DataCollatorWithPadding"),
        "ts.data.padded(sequences), or padded_values",
    ),
    **dict.fromkeys(
        ("build_vocab", "build_vocab_from_iterator", "Vocab", "vocab", "Dictionary", "Alphabet", "LabelEncoder"),
        "ts.data.Vocabulary(symbols), or ts.data.Vocabulary.from_counts(symbols, min_count=...)",
    ),
    **dict.fromkeys(
        (
            *("Tokenizer", "AutoTokenizer", "get_tokenizer", "word_tokenize", "tokenize", "TextVectorization"),
            "StringLookup",
        ),
        "text.split() for words, list(text) for characters, and ts.data.Vocabulary(symbols).encode(text) for their ids",
    ),
    **dict.fromkeys(("BucketIterator", "GroupedBatchSampler"), "ts.data.bucketed(lengths, size)"),
    **dict.fromkeys(("BPTTIterator", "batchify", "get_batch"), "ts.data.Windows(ids, steps=..., batch=...)"),
    **dict.fromkeys(
        ("brown", "treebank", "conll2000", "ud", "CoNLL", "load_conll", "read_conll", "TaggedCorpusReader"),
        "ts.data.conllu, word_tag, two_column or conll2003, by the file's columns",
    ),
    **dict.fromkeys(
        ("Field", "LabelField", "TabularDataset", "Example", "read_csv", "read_tsv"),
        "ts.data.table(path), or ts.data.labelled(path)",
    ),
    **dict.fromkeys(
        ("Corpus", "PlaintextCorpusReader", "read_text", "load_text", "TextLineDataset"), "ts.data.plain_text(path)"
    ),
    **dict.fromkeys(
        ("load_dataset", "shakespeare", "tiny_shakespeare", "load_data", "text_dataset_from_directory"),
        "ts.data.plain_text(path) for a file, or ts.data.python_docs(), a text that comes with Python",
    ),
    "to_categorical": "ts.one_hot",
    "Counter": "collections.Counter, which ts.data.Vocabulary.from_counts takes",
    "IterableDataset": "any iterable",
    "Subset": "a slice",
    "TensorDataset": "arrays of the same length",
    **dict.fromkeys(("pack_padded_sequence", "pad_packed_sequence", "pack_sequence"), "lengths= of a recurrent layer"),
    **dict.fromkeys(
        ("random_split", "train_test_split"),
        "ts.data.Split, or rng.permutation(len(items)) with rng = np.random.default_rng(seed)",
    ),
}
LM = {
    **dict.fromkeys(("BigramLM", "TrigramLM", "UnigramLM", "BackoffLM", "StupidBackoff"), "ts.lm.NgramLM(n)"),
    "MLE": "ts.lm.NgramLM(n, smoothing=None)",
    **dict.fromkeys(("Laplace", "Lidstone"), 'ts.lm.NgramLM(n, smoothing="add-k", k=1.0)'),
    **dict.fromkeys(
        ("KneserNeyInterpolated", "AbsoluteDiscountingInterpolated"), 'ts.lm.NgramLM(n, smoothing="kneser-ney")'
    ),
    "WittenBellInterpolated": 'ts.lm.NgramLM(n, smoothing="witten-bell")',
    **dict.fromkeys(("Interpolated", "InterpolatedLM", "LinearInterpolation"), "ts.lm.Mixture(models)"),
    **dict.fromkeys(
        (
            *("ngrams", "bigrams", "trigrams", "everygrams", "padded_everygram_pipeline", "padded_everygrams"),
            *("pad_both_ends", "pad_sequence_both_ends", "NgramCounter", "preprocessing", "counter"),
        ),
        _COUNTED,
    ),
    **dict.fromkeys(("load", "load_model", "from_pretrained"), _LOADED),
    **dict.fromkeys(
        ("LSTMLM", "GRULM", "CharRNN", "NeuralLM", "RNNModel", "LSTMModel", "LSTMLanguageModel", "CharLM"),
        'ts.lm.RNNLM(symbols, cell="lstm")',
    ),
    "WordLM": "ts.lm.RNNLM(ts.lm.word_vocabulary(text), words=True)",
    **dict.fromkeys(("MLPLM", "FixedWindowLM", "BengioLM"), "ts.lm.WindowLM"),
    **dict.fromkeys(("GPT2LMHeadModel", "AutoModelForCausalLM", "TransformerModel"), _NOT_ONE_OF_OURS),
    **dict.fromkeys(("generate", "sample", "generate_text"), "model.sample(length)"),
    **dict.fromkeys(("top_k_top_p_filtering", "top_k_filtering", "top_p_filtering", "nucleus"), "ts.lm.filtered(p)"),
    "beam_search": "model.sample(length, temperature=0), the most probable symbol each time",
}
TAGGING = {
    **dict.fromkeys(("load", "load_model"), _LOADED),
    **dict.fromkeys(
        ("read_conll", "load_conll"), "ts.data.conllu, ts.data.conll2003 or ts.data.two_column, by the file's columns"
    ),
    **dict.fromkeys(
        (
            *("LSTMTagger", "GRUTagger", "BiLSTMTagger", "NeuralTagger", "PerceptronTagger", "SequenceTagger"),
            *("TokenClassifier", "AutoModelForTokenClassification"),
        ),
        "ts.tagging.RNNTagger",
    ),
    **dict.fromkeys(("BiLSTMCRF", "BiLSTM_CRF", "LSTMCRF", "CRFTagger", "MEMM"), "ts.tagging.RNNTagger(crf=True)"),
    **dict.fromkeys(
        ("UnigramTagger", "DefaultTagger", "LookupTagger", "BaselineTagger", "DictionaryTagger", "MostFrequentTagger"),
        "ts.tagging.MostFrequentTag",
    ),
    **dict.fromkeys(
        ("BigramTagger", "TrigramTagger", "NgramTagger", "TnT", "HiddenMarkovModelTagger"), "ts.tagging.HMMTagger"
    ),
    **dict.fromkeys(
        ("AffixTagger", "SuffixTagger", "RegexpTagger", "BrillTagger"),
        "ts.tagging.HMMTagger, which reads unknown words by their endings",
    ),
    **dict.fromkeys(("pos_tag", "tag", "tag_sents"), "tagger.tag(words) of a tagger that was fitted or loaded"),
    **dict.fromkeys(
        ("confusion_matrix", "classification_report", "f1_score", "precision", "recall"), "tagger.analyse(sentences)"
    ),
    "untag": "[word for word, tag in sentence]",
    "str2tuple": "ts.data.word_tag.parse(text)",
}
CLASSIFY = {
    **dict.fromkeys(("load", "load_model"), _LOADED),
    **dict.fromkeys(
        ("MultinomialNB", "NaiveBayesClassifier", "BernoulliNB", "ComplementNB", "PositiveNaiveBayesClassifier"),
        "ts.classify.NaiveBayes",
    ),
    **dict.fromkeys(
        (
            *("TextClassifier", "LSTMClassifier", "GRUClassifier", "SentimentClassifier", "RNNModel"),
            *("LogisticRegression", "MaxentClassifier", "SklearnClassifier", "AutoModelForSequenceClassification"),
        ),
        "ts.classify.RNNClassifier",
    ),
    **dict.fromkeys(
        ("CountVectorizer", "TfidfVectorizer", "apply_features", "HashingVectorizer"),
        "the texts themselves, which fit and predict split into words",
    ),
    **dict.fromkeys(
        ("accuracy_score", "accuracy", "f1_score", "confusion_matrix", "classification_report"),
        "classifier.evaluate(texts, labels)",
    ),
    **dict.fromkeys(("pipeline", "Pipeline", "make_pipeline"), "the classifier alone, which takes texts"),
}
TRAIN = {
    **dict.fromkeys(
        ("fit", "Trainer", "TrainingArguments", "train_loop", "Loop", "training_loop", "train_epoch", "train_step"),
        "ts.train.train(task, optimizer, steps)",
    ),
    **dict.fromkeys(("EarlyStopping", "early_stopping"), "ts.train.Validation(model, measure, patience=...)"),
    **dict.fromkeys(("ModelCheckpoint", "save", "save_checkpoint", "load_checkpoint"), "ts.train.Checkpoint"),
    **dict.fromkeys(("EMA", "SWA", "AveragedModel"), "ts.train.WeightAverage(model)"),
    **dict.fromkeys(("ProgressBar", "tqdm", "trange"), "ts.train.progress"),
    **dict.fromkeys(("CSVLogger", "TensorBoard", "SummaryWriter", "Logger"), 'ts.train.Log("log.csv")'),
    "LambdaCallback": "a function of a report, in callbacks=[...]",
    "History": "the losses of the reports that ts.train.train yields",
}
INSPECT = {
    **dict.fromkeys(("summary", "summarize"), "print(model)"),
    **dict.fromkeys(("grad_norm", "gradient_norm"), "ts.nn.clip_grad_norm_(parameters, math.inf), the norm before it"),
    **dict.fromkeys(("gradients", "grads"), "ts.grad(loss, tensors)"),
    **dict.fromkeys(("plot_grad_flow", "grad_flow"), "ts.viz.gradient_flow(ts.inspect.gradient_flow(loss).states)"),
    **dict.fromkeys(("saliency", "attribution", "attributions"), "ts.inspect.influence(outputs, inputs)"),
}
TAGGER = {  # attributes of a tagger
    **dict.fromkeys(
        ("predict", "decode", "viterbi", "pos_tag", "tag_sents", "pipe"),
        "tagger.tag(words), or tagger.tag_many(sentences)",
    ),
    **dict.fromkeys(
        ("score", "evaluate", "accuracy_score"), "tagger.accuracy(sentences), or tagger.analyse(sentences)"
    ),
    **dict.fromkeys(
        (
            *("confusion", "confusion_matrix", "errors", "evaluate_per_tag", "precision", "recall", "f_measure"),
            "classification_report",
        ),
        "tagger.analyse(sentences)",
    ),
    **dict.fromkeys(("train", "train_supervised", "from_labelled"), "tagger.fit(sentences)"),
    **dict.fromkeys(("tags", "labels", "classes_", "tagset"), "tagger.analyse(sentences).tags"),
    **dict.fromkeys(("vocab", "vocabulary", "words"), "tagger.known, the words of its training"),
    **dict.fromkeys(("parameters", "forward", "state_dict"), "tagger.network of a ts.tagging.RNNTagger"),
    **dict.fromkeys(("model", "transition", "transitions"), "tagger.hmm of a ts.tagging.HMMTagger"),
    **dict.fromkeys(
        ("predict_proba", "posterior", "marginals"),
        "tagger.hmm.posterior(tagger.log_scores(words)) of a ts.tagging.HMMTagger",
    ),
}
LANGUAGE_MODEL = {  # attributes of a language model
    **dict.fromkeys(("generate", "sample_text", "generate_text"), "model.text(model.sample(length))"),
    **dict.fromkeys(("predict", "predict_next", "next"), "model.sample(1, prompt=text, temperature=0)"),
    **dict.fromkeys(("score", "entropy", "cross_entropy", "loss", "bits"), "model.nats(text), or model.evaluate(text)"),
    **dict.fromkeys(("logprob", "log_prob", "logscore", "predict_proba"), "model.log_probs(text)"),
    "ppl": "model.perplexity(text)",
    "save_pretrained": "model.save(path)",
    "from_pretrained": "ts.load_model(path)",
    "config": "model.settings of a network",
    **dict.fromkeys(("vocab", "tokenizer", "stoi", "itos"), "model.vocabulary"),
    **dict.fromkeys(
        ("init_hidden", "init_state", "begin_state", "reset_states", "reset_state"),
        "scores, state = model(ids), which begins anew, and model(ids, state), which continues",
    ),
}
VOCABULARY = {  # attributes of a vocabulary
    **dict.fromkeys(
        (
            *("stoi", "get_stoi", "lookup_indices", "index", "transform", "lookup", "get", "token_to_id"),
            *("convert_tokens_to_ids", "texts_to_sequences", "tokens_to_ids", "tokenize", "numericalize"),
            *("word2idx", "char2idx", "word2index", "char2index", "word_to_ix", "char_to_ix", "word_to_index"),
            *("word2id", "char2id", "token2id", "tok2id", "word_index", "get_vocab"),
        ),
        "vocabulary.encode(symbols)",
    ),
    **dict.fromkeys(
        (
            *("itos", "get_itos", "lookup_tokens", "lookup_token", "inverse_transform", "id_to_token"),
            *("convert_ids_to_tokens", "sequences_to_texts", "ids_to_tokens", "batch_decode"),
            *("idx2word", "idx2char", "index2word", "index2char", "ix_to_word", "ix_to_char", "index_to_word"),
            *("id2word", "id2char", "id2token", "index_word", "get_vocabulary"),
        ),
        "vocabulary.decode(ids), or vocabulary.symbols",
    ),
    **dict.fromkeys(("size", "vocab_size", "n_words", "n_chars"), "len(vocabulary)"),
    **dict.fromkeys(
        (
            *("add", "append", "insert_token", "add_token", "add_word", "addWord", "add_tokens", "add_symbol"),
            "update",
        ),
        "a new ts.data.Vocabulary of all symbols",
    ),
    **dict.fromkeys(
        (
            "from_iterator",
            "build",
            "build_vocab",
            "from_text",
            "fit",
            "fit_on_texts",
            "adapt",
            "unk_cutoff",
            "from_list",
        ),
        "ts.data.Vocabulary(symbols), or ts.data.Vocabulary.from_counts(symbols, min_count=...)",
    ),
    **dict.fromkeys(
        ("counts", "freqs", "word_counts"), "collections.Counter(symbols), which Vocabulary.from_counts takes"
    ),
    **dict.fromkeys(
        (
            *("unk_token", "unk", "unk_label", "unk_index", "unk_id", "unk_token_id", "oov_token"),
            *("set_default_index", "get_default_index", "default_index"),
        ),
        'vocabulary.unknown, as of ts.data.Vocabulary(symbols, unknown="<unk>")',
    ),
    **dict.fromkeys(
        ("pad_token", "pad_token_id", "pad_index", "pad_id"),
        "ts.data.padded(sequences), whose lengths say where the padding begins",
    ),
    **dict.fromkeys(("keys", "items", "values"), "vocabulary.symbols, whose positions are the ids"),
    "save_pretrained": "vocabulary.save(path)",
    "from_pretrained": "ts.data.Vocabulary.load(path)",
}
NGRAMS = {  # further ones of `NgramLM`
    **dict.fromkeys(("train", "fit_text", "from_text"), "model.fit(texts)"),
    "update": "model.fit(texts) of all texts, as it begins anew",
    **dict.fromkeys(("score", "unmasked_score", "probability"), "model.prob(symbol, history), or model.nats(text)"),
    **dict.fromkeys(("counts", "context_counts"), "model.sizes, or model.distribution(history)"),
    "order": "model.n, the length of the longest n-grams",
}
MIXTURE = dict.fromkeys(("lambdas", "coefficients", "alphas"), "mixture.weights")  # further ones of `Mixture`
CLASSIFIER = {  # attributes of a classifier
    **dict.fromkeys(("classify", "label", "classify_many"), "classifier.predict(texts)"),
    **dict.fromkeys(("prob_classify", "predict_log_proba"), "classifier.predict_proba(texts), or .log_proba(texts)"),
    **dict.fromkeys(
        ("accuracy", "confusion", "confusion_matrix", "classification_report"), "classifier.evaluate(texts, labels)"
    ),
    **dict.fromkeys(("train", "partial_fit", "fit_transform"), "classifier.fit(texts, labels), which begins anew"),
    **dict.fromkeys(("labels", "n_classes_"), "classifier.classes"),
    "summary": "print(classifier)",
    "history": "the reports of classifier.fit_steps(texts, labels)",
}
NAIVE_BAYES = {  # further ones of `NaiveBayes`
    **dict.fromkeys(("vocabulary_", "vocabulary", "vocab"), "classifier.words"),
    **dict.fromkeys(
        ("feature_log_prob_", "show_most_informative_features", "most_informative_features", "coef_"),
        "classifier.log_joint([word]), which scores a word with each class",
    ),
    "class_log_prior_": "classifier.log_joint([[]]), the score of a text without words",
    "alpha": 'classifier.settings["alpha"]',
}
READER = {  # attributes of a reader
    **dict.fromkeys(("load", "read", "open", "from_file", "read_text"), "the reader itself: reader(path)"),
    **dict.fromkeys(("loads", "from_string", "parse_text"), "reader.parse(text)"),
    **dict.fromkeys(("iter", "iter_sents", "parse_incr", "lazy"), "reader.stream(path)"),
    **dict.fromkeys(
        ("tagged_sents", "sents", "tagged_words", "words", "paras"), "reader(path), a list of sentences or texts"
    ),
}
PLATEAU = {  # attributes of a `Plateau`
    "step": "plateau.observe(value)",
    **dict.fromkeys(("get_last_lr", "get_lr"), "plateau.lr"),
    "num_bad_epochs": "plateau.bad",
}
EMBEDDING = {  # attributes of an `Embedding`
    "from_pretrained": 'ts.nn.Embedding(*table.shape), and load_state_dict({"weight": table}) of it; '
    "weight.requires_grad_(False) freezes it",
    **dict.fromkeys(("num_embeddings", "embedding_dim", "output_dim", "input_dim"), "embedding.weight.shape"),
    "set_weights": 'embedding.load_state_dict({"weight": table})',
    "get_weights": "embedding.weight.numpy()",
}
