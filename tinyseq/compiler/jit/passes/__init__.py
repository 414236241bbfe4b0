"""Passes for recurrences, one in each file, and what their steps become in a kernel."""
