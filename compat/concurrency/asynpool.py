"""What programs set in Celery's pool of processes, so that a slow start is borne with."""

#: Seconds. Has no effect: a process here is given all the time that it takes to start.
PROC_ALIVE_TIMEOUT = 4.0
