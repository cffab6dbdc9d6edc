"""Tests of shared.products.s3."""
