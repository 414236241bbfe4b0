"""Loss functions for classification and regression."""
