"""Positions, cash, clearing and fees: what a trade moves."""
