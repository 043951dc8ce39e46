"""What figures run as processes of their own."""
