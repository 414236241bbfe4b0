"""Exercises of the book: tasks, solutions, and the marking of submissions, which names the mistake that was made."""

import sys

from tinyseq.exercises.chains import (
    ch09_counting,
    ch10_forward_viterbi,
    ch11_trigrams,
    ch12_forward_backward,
    ch13_baum_welch,
    ch14_tagging,
    ch16_ctc,
)
from tinyseq.exercises.checking import check, check_file, check_folder, write_csv
from tinyseq.exercises.marking import Verdict
from tinyseq.exercises.networks import (
    ch01_counting_words,
    ch02_fixed_window,
    ch03_reverse_mode,
    ch04_recurrent_network,
    ch05_through_time,
    ch06_vanishing,
    ch07_lstm_gru,
    ch08_shapes,
    ch15_testing,
)
from tinyseq.exercises.record import Exercise, Mistake, in_order
from tinyseq.exercises.report import Report
from tinyseq.exercises.sandbox import Limits
from tinyseq.exercises.sheets import write_sheet
from tinyseq.torch_names.lookup import guide

# Importing a chapter declares its exercises.
CHAPTERS = (
    *(ch01_counting_words, ch02_fixed_window, ch03_reverse_mode, ch04_recurrent_network, ch05_through_time),
    *(ch06_vanishing, ch07_lstm_gru, ch08_shapes, ch09_counting, ch10_forward_viterbi, ch11_trigrams),
    *(ch12_forward_backward, ch13_baum_welch, ch14_tagging, ch15_testing, ch16_ctc),
)

EXERCISES: dict[str, Exercise] = {exercise.name: exercise for exercise in in_order()}

__all__ = [
    "EXERCISES",
    "Exercise",
    "Limits",
    "Mistake",
    "Report",
    "Verdict",
    "check",
    "check_file",
    "check_folder",
    "write_csv",
    "write_sheet",
]

guide(sys.modules[__name__], "ts.exercises")
