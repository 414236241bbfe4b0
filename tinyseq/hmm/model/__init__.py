"""The model as data: its tables, its names, and constructors for common structures."""
