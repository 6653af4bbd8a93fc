"""The API server: how it is reached, what is read of it, and nothing that writes."""
