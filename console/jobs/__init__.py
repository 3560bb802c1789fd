"""Work of minutes in the background: one child process a job, with progress and a result that can be looked at."""
