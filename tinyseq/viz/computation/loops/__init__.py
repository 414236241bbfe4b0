"""The loops of a computation: which ops belong to which time step, and the columns in which they are drawn."""
