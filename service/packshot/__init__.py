"""packshot: a photo goes in at the shutter, a publishable cutout comes out at the storefront."""

__version__ = "0.1.0"
