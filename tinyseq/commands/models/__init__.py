"""Commands that train, use and evaluate models: language models, taggers and classifiers."""
