"""Layout: places for boxes, and curves for arrows."""
