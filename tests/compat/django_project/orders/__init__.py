"""What the bakery sells. INSTALLED_APPS names its AppConfig."""
