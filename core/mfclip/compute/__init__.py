"""What computes, and in which arithmetic: devices, precision, the memory allocator."""
