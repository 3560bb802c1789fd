"""The line that our notifications carry at their top and that a reply is cut at: written by outbound, found by resolver."""

# The plain words between the dashes are what a mail client may translate or wrap; the dashes it leaves alone.
REPLY_MARKER = "-- write above this line --"
