"""cuarzo beside PyTorch, NumPy and scikit-learn on the networks of a course: `make bench-peers`."""
