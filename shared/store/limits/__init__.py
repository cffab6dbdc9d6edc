"""Limits in Redis: rates of tokens and addresses, turns at a target, rejected sign-ins."""
