"""Neural language models: a fixed window or a recurrent network, and how they read a text in windows."""
