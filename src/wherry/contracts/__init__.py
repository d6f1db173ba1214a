"""Data contracts as the Open Data Contract Standard writes them: read, kept, compared, written."""
