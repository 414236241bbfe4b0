"""Compiled steps on a GPU: elementwise steps fused into generated kernels, each pass captured as one CUDA graph."""
