"""Learning: by counting, and by Baum-Welch."""
