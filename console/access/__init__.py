"""Who may do what in the window: accounts, roles, sessions. Kept in the desk's database, in no topic."""
