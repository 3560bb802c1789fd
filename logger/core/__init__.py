"""What the logger decides: pure, from frozen values to frozen values. No database, clock or randomness here.

commands          the command model: what is asked of the desk, and what the desk decides to do
state             the desk as far as a batch refers to it
threading         which item a message belongs to, and what it proves of its sender
mail_decisions    one message: log a call, update, close or reopen an item, or refuse
system_decisions  one command of another system: create an item, change one, or refuse
new_items         properties, Priority and fields of a new item, from its call template
plan              the whole batch, in order, so that a reply finds an original that came with it
decided           what the batch comes to, under the numbers that the database gave
persons           who performs an action, who is meant by a name, who is created
rate_limits       more messages than an incoming server accepts
notify            who is notified; `recipients`: roles as persons and addresses
auto_replies      how often a sender gets auto-replies
events            what is published
reports           what is news about our own notifications
"""
