"""One face cut out of a photo: framed and read as the network has learnt to, and judged."""
