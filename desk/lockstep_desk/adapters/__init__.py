"""Ways to venues. Only here are the words of an exchange known."""
