"""Pictures from and to files: photos to sRGB arrays, cutouts to what a storefront takes."""
