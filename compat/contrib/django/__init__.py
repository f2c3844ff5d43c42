"""For projects in Django."""
