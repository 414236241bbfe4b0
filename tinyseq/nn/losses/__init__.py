"""Losses: of classes, of yes and no, and of numbers."""
