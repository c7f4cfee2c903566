"""Networks that find objects in an image, and what is like them."""
