"""Compiled steps with Numba: fused loops and products, called one after another without Python between them."""
