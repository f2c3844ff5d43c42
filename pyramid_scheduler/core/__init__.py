"""The ground floor: values, errors, time, references, settings. Standard library only."""
