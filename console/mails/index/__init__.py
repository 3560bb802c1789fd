"""The index of mails: where everything about a mail lies on the topics, and its end, in the desk's database.

Made from the topics and from the desk's ledger, so that it can be made again; no page and no command reads a topic
whole to find one mail. `facts` and `ends` are pure, `follower` keeps the tables, `search` and the rest read them.
"""
