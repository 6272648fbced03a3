//! Digests as text.

use std::fmt::Write;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// `bytes` in hexadecimal, two lower-case digits each.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// SHA-256 of all that is left to read of `content`, in hexadecimal.
pub fn sha256(mut content: impl Read) -> io::Result<String> {
    let mut checksum = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(hex(&checksum.finalize())),
            count => checksum.update(&buffer[..count]),
        }
    }
}
