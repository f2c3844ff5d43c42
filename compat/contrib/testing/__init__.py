"""For tests of code that uses tasks."""
