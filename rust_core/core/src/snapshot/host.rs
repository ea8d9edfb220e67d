//! Hosts: what is well formed, and when two are one.
//!
//! A host is compared in lower case, without one trailing dot, and apart from its port. An IPv6
//! address is compared as an address, in the form of RFC 5952.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

/// The longest name that the encoding of RFC 1035, section 2.3.4 has room for, without trailing dot.
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// The value is not a host name or address with an optional port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Malformed;

/// A host in the form in which hosts are compared, and its port where one was given.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    // On the stack: this is made for every request.
    name: [u8; MAX_NAME_BYTES],
    len: usize,
    port: Option<u16>,
}

impl Host {
    /// Reads `name`, `name:port`, `[address]` or `[address]:port`.
    pub fn read(text: &str) -> Result<Self, Malformed> {
        let mut host = Self { name: [0; MAX_NAME_BYTES], len: 0, port: None };
        let port = if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']').ok_or(Malformed)?;
            let address: Ipv6Addr = address.parse().map_err(|_| Malformed)?;
            write!(host, "[{address}]").map_err(|_| Malformed)?;
            match port {
                "" => None,
                _ => Some(port.strip_prefix(':').ok_or(Malformed)?),
            }
        } else {
            let (name, port) = match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            };
            host.take_name(name)?;
            port
        };
        host.port = port.map(read_port).transpose()?;
        Ok(host)
    }

    /// The name in lower case without trailing dot, or the address in brackets.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.get(..self.len).and_then(|name| str::from_utf8(name).ok()).unwrap_or_default()
    }

    /// The port, where one was given.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    fn take_name(&mut self, name: &str) -> Result<(), Malformed> {
        let name = name.strip_suffix('.').unwrap_or(name).as_bytes();
        if name.len() > MAX_NAME_BYTES {
            return Err(Malformed);
        }
        for label in name.split(|byte| *byte == b'.') {
            if label.is_empty() || label.len() > MAX_LABEL_BYTES {
                return Err(Malformed);
            }
        }
        for (to, byte) in self.name.iter_mut().zip(name) {
            *to = match byte {
                // `_` is no part of a host name (RFC 952), and common inside clusters.
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => *byte,
                b'A'..=b'Z' => byte.to_ascii_lowercase(),
                _ => return Err(Malformed),
            };
        }
        self.len = name.len();
        Ok(())
    }
}

impl std::fmt::Write for Host {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len.saturating_add(text.len());
        self.name.get_mut(self.len..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// A port in its one decimal form, 1 to 65535.
fn read_port(digits: &str) -> Result<u16, Malformed> {
    // `parse` takes a sign, and who reads a leading zero as octal reads another port.
    if !digits.starts_with(|first: char| matches!(first, '1'..='9')) {
        return Err(Malformed);
    }
    digits.parse().map_err(|_| Malformed)
}

#[cfg(test)]
mod tests;
