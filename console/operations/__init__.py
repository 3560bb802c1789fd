"""What an administrator can do, without a word of how it is asked for or shown: the CLI and the web console share it.

Nothing here prints, asks or exits. What the user got wrong is told by `UserError`, with the remedy.
"""
