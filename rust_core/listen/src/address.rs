//! Where a door may listen: loopback or a Unix socket, nothing else in this version.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// A place to listen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Address {
    /// A loopback address with a port; 0 picks a free one.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// Why a text is no address to listen on.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum AddressError {
    /// It cannot be read.
    #[error("write IP:PORT, [IP]:PORT or unix:PATH, with the address in digits")]
    Form,
    /// It can be read, and is not loopback.
    #[error(
        "this version listens on loopback only, since it has no TLS yet: use 127.0.0.1, [::1] or \
         unix:PATH"
    )]
    NotLoopback,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            // A leading NUL would name an abstract socket, which no file permission guards.
            if path.is_empty() || path.contains('\0') {
                return Err(AddressError::Form);
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let address: SocketAddr = text.parse().map_err(|_| AddressError::Form)?;
        if address.ip().to_canonical().is_loopback() {
            Ok(Self::Tcp(address))
        } else {
            Err(AddressError::NotLoopback)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, AddressError};

    #[test]
    fn only_loopback_and_unix_sockets_are_taken() {
        for (text, error) in [
            ("127.0.0.1:9191", None),
            ("127.9.8.7:0", None),
            ("[::1]:9191", None),
            ("unix:/run/accredit.sock", None),
            ("0.0.0.0:9191", Some(AddressError::NotLoopback)),
            ("[::]:9191", Some(AddressError::NotLoopback)),
            ("192.0.2.1:9191", Some(AddressError::NotLoopback)),
            ("[::ffff:192.0.2.1]:9191", Some(AddressError::NotLoopback)),
            ("localhost:9191", Some(AddressError::Form)),
            ("127.0.0.1", Some(AddressError::Form)),
            ("127.1:9191", Some(AddressError::Form)),
            ("unix:", Some(AddressError::Form)),
            ("", Some(AddressError::Form)),
        ] {
            assert_eq!(text.parse::<Address>().err(), error, "{text}");
        }
    }
}
