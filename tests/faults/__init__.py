"""What can go wrong around a study, and that nothing is lost and nothing runs twice."""
