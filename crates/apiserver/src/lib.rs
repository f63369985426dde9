//! The request pipeline: from a path to the store and back.
