"""Numbers, hours, dates and money as people say them. Standard library only: call processes use it too.

A spoken form is a list of chunks (`двадцать пятого`, `ноября`): together they are the words, each by itself is a piece
that was made into sound before any call.
"""
