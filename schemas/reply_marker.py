"""The line at the top of our notifications at which a reply is cut: written by outbound, found by the resolver."""

# The plain words between the dashes are what a mail client may translate or wrap; the dashes it leaves alone.
REPLY_MARKER = "-- write above this line --"
