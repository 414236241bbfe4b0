"""The plan of a program's memory: a place for each value, and one block that later values use again."""
