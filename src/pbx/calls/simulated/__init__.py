"""Calls without a network: the features and decisions of live calls on virtual time, with scripted people."""
