"""Compares what durability costs in two versions of the sources."""
