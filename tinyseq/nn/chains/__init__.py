"""Sums over paths as losses: conditional random fields and CTC."""
