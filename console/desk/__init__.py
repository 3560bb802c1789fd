"""The service desk's items: looked at, and changed by commands to the desk."""
