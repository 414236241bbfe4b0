"""Listings: programs in words, in which steps that repeat are written once, as a loop."""
