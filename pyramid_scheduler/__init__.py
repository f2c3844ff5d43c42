"""Background jobs for Pyramid."""
