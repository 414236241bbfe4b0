"""Models in files, in notebooks, and in other libraries."""
