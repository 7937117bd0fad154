"""What a caller says to a menu, as one of a few phrases: the words, where an answer ends, and the engines."""
