"""Work on hostile input in a child process with limits on CPU, memory and time."""
