"""Plays a sequence to a made-up person: the road of every mail, under a simulated clock."""
