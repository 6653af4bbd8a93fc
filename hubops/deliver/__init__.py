"""Where text goes: the terminal and files."""
