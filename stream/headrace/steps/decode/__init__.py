"""Decode: messages in, Arrow columns out."""
