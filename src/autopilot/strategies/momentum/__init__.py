"""Strategies that follow a burst of movement."""
