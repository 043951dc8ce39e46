"""Decisions: what has been seen goes in, what to do comes out. Nothing here touches the world."""
