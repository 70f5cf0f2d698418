"""Strategies that follow a trend."""
