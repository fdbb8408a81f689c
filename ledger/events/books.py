"""What concerns the books as a whole: the end of a period."""
