"""Drawings of recorded computations: what is written on their boxes and arrows, and how they are painted."""
