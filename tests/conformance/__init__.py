"""Which item of the trading side is proved by which test."""
