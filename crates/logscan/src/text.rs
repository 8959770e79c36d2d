//! Safe printing of strangers' bytes.
