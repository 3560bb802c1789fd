"""Exchange (requirement R5, R9.2): logging in to it, and speaking to it by Graph or by EWS."""
