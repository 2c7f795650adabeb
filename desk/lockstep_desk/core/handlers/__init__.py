"""What each command does to a desk, one module per subject."""
