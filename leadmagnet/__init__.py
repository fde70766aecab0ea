"""leadmagnet: a lead magnet and drip campaigns by email."""

__version__ = "0.1.0"
