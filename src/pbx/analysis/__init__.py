"""What can be said of a model without calling anybody: lint, and where callers would land. No clock, no network."""
