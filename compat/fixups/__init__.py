"""What an app does for a framework that it finds itself in."""
