"""Pyramid: directives, request methods, what a job runs in."""
