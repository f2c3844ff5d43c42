"""Kombu transports of our own, where Kombu's are weak."""
