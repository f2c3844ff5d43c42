"""A drop-in façade for Celery on pyramid_scheduler."""
