"""Documents of a treebank: training and held-out data that share no document."""

from collections.abc import Iterable, Sequence

from tinyseq.arguments import listed, number
from tinyseq.data.corpora import Split
from tinyseq.data.treebanks.conllu import ConlluSentence, annotated
from tinyseq.random import Rng, as_generator
from tinyseq.torch_names.settings import explained


@explained
def documents(sentences: Iterable[ConlluSentence]) -> list[list[ConlluSentence]]:
    """Group the sentences of a CoNLL-U file by document.

    A document begins at a sentence with the comment ``# newdoc``; sentences before the first one are a document too.

    Args:
        sentences: as `conllu_sentences` returns them.

    Returns:
        For each document, its sentences.

    Raises:
        TypeError: an item is not a `ConlluSentence`.

    Example:
        >>> from tinyseq.data import conllu_sentences
        >>> rest = "cats\\t_\\tNOUN\\t_\\t_\\t0\\troot\\t_\\t_\\n\\n"
        >>> text = f"# newdoc id = a\\n1\\t{rest}1\\t{rest}# newdoc id = b\\n1\\t{rest}"
        >>> [len(document) for document in documents(conllu_sentences.parse(text))]
        [2, 1]
    """
    found: list[list[ConlluSentence]] = []
    for i, sentence in enumerate(listed("sentences", sentences, "a list of sentences")):
        annotated(f"sentences[{i}]", sentence)
        if not found or any(comment[1:].split()[:1] == ["newdoc"] for comment in sentence.comments):
            found.append([])
        found[-1].append(sentence)
    return found


@explained
def split_documents(
    sentences: Sequence[ConlluSentence], held_out: float = 0.1, rng: Rng = None
) -> Split[list[ConlluSentence]]:
    """Split a treebank by document, so that no document is in both parts.

    Sentences of one document share names and topics: if sentences were split at random, the held-out accuracy would be
    too high. Documents are drawn until the held-out part has its share of the words.

    Args:
        sentences: as `conllu_sentences` returns them.
        held_out: the share of the words to hold out, between 0 and 1; the last document may exceed it.
        rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.

    Returns:
        The two parts, each in the order of the file.

    Raises:
        ValueError: if ``held_out`` is not between 0 and 1, or there are too few documents for two parts.

    Example:
        >>> from tinyseq.data import conllu_sentences
        >>> rest = "cats\\t_\\tNOUN\\t_\\t_\\t0\\troot\\t_\\t_\\n\\n"
        >>> text = "".join(f"# newdoc id = {name}\\n1\\t{rest}" for name in "abcd")
        >>> train, held_out = split_documents(conllu_sentences.parse(text), 0.25, rng=0)
        >>> len(train), len(held_out)
        (3, 1)
    """
    if not 0 < number("held_out", held_out) < 1:
        raise ValueError(f"held_out must be between 0 and 1, got {held_out}")
    groups = documents(sentences)
    if len(groups) < 2:
        raise ValueError(f"sentences must have at least 2 documents, which begin with # newdoc, got {len(groups)}")
    words = [sum(len(sentence.words) for sentence in group) for group in groups]
    chosen, count = set[int](), 0
    for i in as_generator(rng).permutation(len(groups)).tolist():
        if count >= held_out * sum(words):
            break
        chosen.add(i)
        count += words[i]
    if len(chosen) == len(groups):
        raise ValueError(f"held_out={held_out} leaves no document to train on; there are {len(groups)}")
    parts = ([s for i, group in enumerate(groups) if (i in chosen) is side for s in group] for side in (False, True))
    return Split(*parts)
