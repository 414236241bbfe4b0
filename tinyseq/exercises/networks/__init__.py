"""The exercises of the chapters on language models, networks and gradients."""
