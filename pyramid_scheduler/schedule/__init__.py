"""When jobs are due: triggers and the timekeeper. The only wing that imports APScheduler."""
