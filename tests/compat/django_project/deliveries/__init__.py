"""An application that INSTALLED_APPS names by its package."""
