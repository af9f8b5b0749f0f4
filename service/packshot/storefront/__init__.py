"""The storefront side: offers in, pictures in the shop, receipts out."""
