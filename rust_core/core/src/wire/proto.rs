//! The protobuf wire format, as far as it is needed.
