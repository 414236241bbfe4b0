"""The record of an op: its rules, kind and axes, formula, and what it promises to its tests."""
