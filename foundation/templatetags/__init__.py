"""What templates need to show text that strangers supply."""
