"""Interoperability: files, notebooks, hmmlearn and scikit-learn."""
