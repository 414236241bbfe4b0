"""Ops that pick and move elements."""
