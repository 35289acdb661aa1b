//! Two agents, and what packets may do.
