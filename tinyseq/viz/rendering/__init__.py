"""Rendering: fonts, colours, SVG, DOT, and files."""
