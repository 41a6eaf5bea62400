"""What a Dockerfile says about the image of its final stage."""
