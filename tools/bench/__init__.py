"""Speed, as ratios measured in one session: to bare loops that do the same work, and to peers."""
