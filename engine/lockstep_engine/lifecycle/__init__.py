"""What time does to orders and instruments."""
