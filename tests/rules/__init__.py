"""The rules of the program (DESIGN section 2), row by row, in the domain's words: given / when / then."""
