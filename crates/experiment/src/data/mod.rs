//! Images → batches.
