"""What is not needed to send and run tasks."""
