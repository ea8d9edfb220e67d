//! The JSON form of the compiled catalogue, read strictly.
