"""What each server should be, compiled from the model and the inventory: plain data, no I/O, no secrets inside."""
