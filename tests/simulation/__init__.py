"""The market simulator driven for long, checked after every command."""
