"""The order actions: place, cancel, amend, replace, quote, batch."""
