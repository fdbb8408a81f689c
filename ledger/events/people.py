"""What concerns a person's data; never the data itself."""
