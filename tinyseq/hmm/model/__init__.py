"""The model as data: tables, names, and the shapes that models have."""
