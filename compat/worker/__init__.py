"""What is left of Celery's worker: its state and its answers to remote control. pyramid_scheduler runs the tasks."""
