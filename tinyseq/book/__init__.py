"""The lecture book: its chapters as text that runs, as notebooks, and as figures for slides."""

from tinyseq.book.chapters import Cell, Chapter, Exercise, Prose, chapters

__all__ = ["Cell", "Chapter", "Exercise", "Prose", "chapters"]
