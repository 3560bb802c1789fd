"""Settings and persons as a whole: read, checked, compared, applied, exported and deleted."""
