"""The simulator is proved: bugs planted in the product, each of which it must catch."""
