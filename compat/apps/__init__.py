"""A worker and a beat that programs start by themselves, where Celery has them."""
