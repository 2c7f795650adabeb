"""Levels, the book of one instrument, and the index of live orders."""
