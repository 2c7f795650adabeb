"""Incoming orders against the book: sweep, self-trade, fill-or-kill, reduce-only."""
