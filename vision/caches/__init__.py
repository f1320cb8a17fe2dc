"""What is computed of images once and kept on disk: decoded crops and the backbone's features."""
