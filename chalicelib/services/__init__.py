"""What Holdfast does, one use case per module, over the ports."""
