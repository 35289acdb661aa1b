//! From meaning to kernel.
