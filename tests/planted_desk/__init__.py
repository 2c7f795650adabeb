"""Mistakes planted in the desk: for each, the tests that say they hold it must fail."""
