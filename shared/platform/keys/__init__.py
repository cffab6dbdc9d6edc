"""Key pairs: how they are mistyped, rejected and denied, and whose they are."""
