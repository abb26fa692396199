"""From domain values to words, cells and documents. Pure: decides how things read, fetches nothing."""
