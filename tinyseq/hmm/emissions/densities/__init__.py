"""Emissions that are numbers or vectors: counts, normal distributions, mixtures of them, and Student's t."""
