"""Inference: one recurrence over semirings, and what is built on it."""
