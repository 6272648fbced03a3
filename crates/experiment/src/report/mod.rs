//! Results in a store → tables.
