"""hubops: the tool an SRE opens first every morning."""

__version__ = "0.1.0"
