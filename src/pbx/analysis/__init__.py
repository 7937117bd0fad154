"""What can be said of a model without calling anybody."""
