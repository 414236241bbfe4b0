"""Recording: an array type that notes what is done with it, and what the recorded function read besides."""
