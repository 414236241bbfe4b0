"""Names of NLTK, scikit-learn, Keras and Hugging Face for language models, taggers, classifiers and training."""

LM = {
    **dict.fromkeys(
        ("BigramLM", "TrigramLM", "MLE", "Laplace", "KneserNeyInterpolated", "StupidBackoff"), "ts.lm.NgramLM"
    ),
    **dict.fromkeys(("load", "load_model"), "ts.load_model(path)"),
    **dict.fromkeys(("LSTMLM", "GRULM", "CharRNN", "NeuralLM"), 'ts.lm.RNNLM(symbols, cell="lstm")'),
    "MLPLM": "ts.lm.WindowLM",
}
TAGGING = {
    **dict.fromkeys(("load", "load_model"), "ts.load_model(path)"),
    **dict.fromkeys(
        ("read_conll", "load_conll"), "ts.data.conllu, ts.data.conll2003 or ts.data.two_column, by the file's columns"
    ),
    **dict.fromkeys(("LSTMTagger", "GRUTagger", "BiLSTMTagger", "NeuralTagger", "CRFTagger"), "ts.tagging.RNNTagger"),
    **dict.fromkeys(("UnigramTagger", "DefaultTagger"), "ts.tagging.MostFrequentTag"),
    **dict.fromkeys(
        ("BigramTagger", "TrigramTagger", "NgramTagger", "TnT", "HiddenMarkovModelTagger"), "ts.tagging.HMMTagger"
    ),
}
TRAIN = {
    **dict.fromkeys(("fit", "Trainer"), "ts.train.train(task, optimizer, steps)"),
    **dict.fromkeys(("EarlyStopping", "early_stopping"), "ts.train.Validation(model, measure, patience=...)"),
    **dict.fromkeys(("ModelCheckpoint", "save"), "ts.train.Checkpoint"),
    **dict.fromkeys(("EMA", "SWA", "AveragedModel"), "ts.train.WeightAverage(model)"),
    "ProgressBar": "ts.train.progress",
}
TAGGER = {  # attributes of a tagger
    **dict.fromkeys(
        ("predict", "decode", "viterbi", "pos_tag", "tag_sents"), "tagger.tag(words), or tagger.tag_many(sentences)"
    ),
    **dict.fromkeys(("score", "evaluate"), "tagger.accuracy(sentences), or tagger.analyse(sentences)"),
    **dict.fromkeys(("confusion", "confusion_matrix", "errors"), "tagger.analyse(sentences)"),
    **dict.fromkeys(("train", "train_supervised", "from_labelled"), "tagger.fit(sentences)"),
}
LANGUAGE_MODEL = {  # attributes of a language model
    **dict.fromkeys(("generate", "sample_text", "generate_text"), "model.text(model.sample(length))"),
    **dict.fromkeys(("predict", "predict_next", "next"), "model.sample(1, prompt=text, temperature=0)"),
    **dict.fromkeys(("score", "entropy", "cross_entropy", "loss", "bits"), "model.nats(text), or model.evaluate(text)"),
    **dict.fromkeys(("logprob", "log_prob", "logscore", "predict_proba"), "model.log_probs(text)"),
    "ppl": "model.perplexity(text)",
    "vocab": "model.vocabulary",
}
VOCABULARY = {  # attributes of a vocabulary
    **dict.fromkeys(
        ("stoi", "word2idx", "char2idx", "token_to_id", "get_stoi", "lookup_indices", "index", "transform"),
        "vocabulary.encode(symbols)",
    ),
    **dict.fromkeys(
        ("itos", "idx2word", "idx2char", "id_to_token", "get_itos", "lookup_tokens", "inverse_transform"),
        "vocabulary.decode(ids), or vocabulary.symbols",
    ),
    **dict.fromkeys(("size", "vocab_size"), "len(vocabulary)"),
    **dict.fromkeys(("add", "append", "insert_token", "add_token"), "a new ts.data.Vocabulary of all symbols"),
}
NGRAMS = dict.fromkeys(("train", "fit_text", "from_text"), "model.fit(texts)")  # further ones of `NgramLM`
CLASSIFIER = {  # attributes of a classifier
    **dict.fromkeys(("classify", "label", "classify_many"), "classifier.predict(texts)"),
    **dict.fromkeys(("prob_classify", "predict_log_proba"), "classifier.predict_proba(texts), or .log_proba(texts)"),
    **dict.fromkeys(("accuracy", "confusion", "confusion_matrix"), "classifier.evaluate(texts, labels)"),
    "train": "classifier.fit(texts, labels)",
}
