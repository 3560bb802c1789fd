"""What the form of the first partition begins with: usual values, to be changed by whoever has others."""

from schemas.settings import Partition

FIRST_PARTITION = Partition(
    impacts=("High", "Medium", "Low"),
    urgencies=("High", "Medium", "Low"),
    priorities=("P1", "P2", "P3", "P4", "P5"),
    priority_matrix={
        "High": {"High": "P1", "Medium": "P2", "Low": "P3"},
        "Medium": {"High": "P2", "Medium": "P3", "Low": "P4"},
        "Low": {"High": "P3", "Medium": "P4", "Low": "P5"},
    },
)
