"""Strategies that go with a burst of movement."""
