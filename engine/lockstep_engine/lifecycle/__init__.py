"""What time and trouble do: expiry, settlement, funding, liquidation."""
