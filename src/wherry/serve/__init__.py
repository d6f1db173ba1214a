"""What `wherry serve` offers to other programs."""
