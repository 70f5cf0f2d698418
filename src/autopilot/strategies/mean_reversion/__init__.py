"""Strategies that bet on a return to the mean."""
