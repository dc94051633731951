"""Energy models."""
