"""Strategies that earn from a calm market."""
