"""What a message template of the desk's own events can name, each with an example: templates are tried out with these.

The logger gives all of them with every event, empty where there is nothing to say. docs/outgoing-mail.md explains them.
"""

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "recipient_name": "Ursula Usher",
    "event": "CallLogged",
    "reference": "C-000123",
    "kind": "call",
    "subject": "Printer on the second floor",
    "partition": "IT",
    "user": "Ursula Usher",
    "logging_analyst": "Ida Ingram",
    "person": "Ann Archer",
    "priority": "P2",
    "text": "It prints nothing but stripes.\n\nIt is in room 214.",
    "reason": "The call was closed too long ago.",
    "remedy": "Write a new mail.",
}
