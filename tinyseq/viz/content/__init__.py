"""Sheets: which boxes and arrows a drawing of a computation shows, without coordinates and colours."""
