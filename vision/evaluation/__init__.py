"""How good a model is, for whom, and what photos do to it."""
