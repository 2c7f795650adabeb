"""What several suites share: helpers that drive an exchange in tests."""
