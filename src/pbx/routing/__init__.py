"""Decisions: pure functions from the model and facts to a destination and the reasons. No clock, no network."""
