"""Tools for people who study kernels."""
