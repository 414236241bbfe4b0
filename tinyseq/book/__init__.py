"""The lecture book: its chapters as text that runs, as notebooks, and as figures for slides."""

from tinyseq.book.chapters import Cell, Chapter, Exercise, Prose, chapters
from tinyseq.book.figures import save_figures
from tinyseq.book.notebooks import notebook, save_notebooks

__all__ = ["Cell", "Chapter", "Exercise", "Prose", "chapters", "notebook", "save_figures", "save_notebooks"]
