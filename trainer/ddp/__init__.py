"""Train on several devices: the leader, the other ranks, and what they agree on."""
