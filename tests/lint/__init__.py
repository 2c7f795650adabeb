"""Linters of this project that no tool on the market has."""
