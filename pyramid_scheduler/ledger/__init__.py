"""What is remembered: schedules, outcomes, cancellations, parked messages; in SQL."""
