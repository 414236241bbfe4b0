"""Parameter estimation: counting in labelled sequences, and Baum-Welch."""
