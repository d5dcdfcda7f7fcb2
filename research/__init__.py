"""Studies made with hmtl: each imports the library, and the library none of them."""
