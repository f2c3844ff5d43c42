"""A bookshop whose work is done by Celery tasks."""
