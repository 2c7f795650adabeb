"""The checks of a new order in the order of [ORD-5], one file per group; the first failure wins."""
