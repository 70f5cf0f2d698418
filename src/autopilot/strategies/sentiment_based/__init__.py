"""Strategies that look beyond the symbol's own candles."""
