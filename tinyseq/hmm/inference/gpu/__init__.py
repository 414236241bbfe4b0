"""The passes on a GPU, as CUDA kernels."""
