//! Records of TLS for tests, made by hand.

/// A record.
pub(crate) fn record(content_type: u8, content: &[u8]) -> Vec<u8> {
    [&[content_type, 3, 3][..], &(content.len() as u16).to_be_bytes(), content].concat()
}

/// Octets behind their length in so many octets.
pub(crate) fn list(width: usize, content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_be_bytes()[4 - width..], content].concat()
}

/// An extension of a hello.
pub(crate) fn extension(number: u16, content: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &list(2, content)].concat()
}

/// A message of the handshake.
pub(crate) fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &list(3, body)].concat()
}

/// A ClientHello that offers versions 1.3 and 1.2.
pub(crate) fn client_hello() -> Vec<u8> {
    let name = extension(0, &list(2, &[&[0][..], &list(2, b"lab.example")].concat()));
    let alpn = extension(16, &list(2, &[list(1, b"h2"), list(1, b"http/1.1")].concat()));
    let versions = extension(43, &list(1, &[0x5a, 0x5a, 3, 4, 3, 3]));
    let body = [
        &[3, 3][..],
        &[7; 32],
        &list(1, &[1; 32]),
        &list(2, &[0x13, 0x01, 0xc0, 0x2f]),
        &list(1, &[0]),
        &list(2, &[name, alpn, versions].concat()),
    ]
    .concat();
    handshake(1, &body)
}

/// A ServerHello that chooses this version.
pub(crate) fn server_hello(version: Option<u16>) -> Vec<u8> {
    let versions = version.map(|version| extension(43, &version.to_be_bytes())).unwrap_or_default();
    handshake(2, &[&[3, 3][..], &[9; 32], &list(1, &[]), &[0x13, 0x01, 0], &list(2, &versions)].concat())
}
