"""What a network is and how it moves through time."""
