"""Building blocks of products: requests, credentials, signatures, and the reading of answers."""
