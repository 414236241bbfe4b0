"""The commands of `tinyseq`."""
