//! Hosts: what is well formed, and when two are one.
