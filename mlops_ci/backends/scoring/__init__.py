"""Models asked for answers in the environment of their user: scripts that run there, and who starts them."""
