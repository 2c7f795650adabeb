"""Small machines for the tests of everything that works for any machine."""
