"""`mailcall explain`, `replay`, `mail`, `notifications` and `reconcile`."""
