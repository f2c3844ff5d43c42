"""Reads code written for Celery: what of it the façade has, and the imports rewritten."""
