use super::*;
use proptest::prelude::*;

fn proxied(source: &str, destination: &str) -> Header {
    Header::Proxied { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

/// A header of version 2 that announces its body's length.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let octets = u16::try_from(body.len()).unwrap().to_be_bytes();
    [V2_START, &[command, family], &octets, body].concat()
}

const IPV4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 1, 0xbb];

#[test]
fn a_line_of_version_1_says_who_connected_where() {
    let line = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
    let wanted = proxied("192.0.2.1:56324", "198.51.100.2:443");
    assert_eq!(read(line), Ok(Some((wanted, line.len()))));
    let with_more = [&line[..], b"\x30\x0c"].concat();
    assert_eq!(read(&with_more), Ok(Some((wanted, line.len()))), "what follows is not touched");
    let line = b"PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n";
    assert_eq!(read(line), Ok(Some((proxied("[2001:db8::1]:0", "[2001:db8::2]:65535"), line.len()))));
    // The longest lines in section 2.1 of the specification.
    let full = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let line = format!("PROXY TCP6 {full} {full} 65535 65535\r\n");
    let address = format!("[{full}]:65535");
    assert_eq!(read(line.as_bytes()), Ok(Some((proxied(&address, &address), line.len()))));
    let line = format!("PROXY UNKNOWN {full} {full} 65535 65535\r\n");
    assert_eq!((read(line.as_bytes()), line.len()), (Ok(Some((Header::Local, MAX_V1))), MAX_V1));
}

#[test]
fn unknown_and_local_connections_are_the_balancers_own() {
    assert_eq!(read(b"PROXY UNKNOWN\r\n"), Ok(Some((Header::Local, 15))));
    for (command, family, body) in
        [(0x20, 0x00, &[][..]), (0x20, 0x11, &IPV4), (0x20, 0xff, &[1]), (0x21, 0x00, &[7; 30])]
    {
        let header = v2(command, family, body);
        assert_eq!(read(&header), Ok(Some((Header::Local, header.len()))), "{header:x?}");
    }
}

#[test]
fn a_header_of_version_2_says_who_connected_where_and_its_additions_are_skipped() {
    let wanted = proxied("192.0.2.1:56324", "198.51.100.2:443");
    let header = v2(0x21, 0x11, &IPV4);
    assert_eq!(read(&header), Ok(Some((wanted, 28))));
    let header = v2(0x21, 0x11, &[&IPV4[..], &[0x02, 0, 4], b"wiki"].concat());
    assert_eq!(read(&[&header[..], b"0\x0c"].concat()), Ok(Some((wanted, 35))));
    let most = [&IPV4[..], &[0; MAX_V2_BODY - 12]].concat();
    assert_eq!(read(&v2(0x21, 0x11, &most)), Ok(Some((wanted, 16 + MAX_V2_BODY))));
    let v6 = |last| [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[last]].concat();
    let body = [&v6(1)[..], &v6(2), &[0xdc, 0x04, 2, 0x7c]].concat();
    let header = v2(0x21, 0x21, &body);
    assert_eq!(read(&header), Ok(Some((proxied("[2001:db8::1]:56324", "[2001:db8::2]:636"), 52))));
}

#[test]
fn an_ipv4_address_in_ipv6_dress_is_the_ipv4_address() {
    let wanted = proxied("192.0.2.1:1", "198.51.100.2:2");
    let line = b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 1 2\r\n";
    assert_eq!(read(line), Ok(Some((wanted, line.len()))));
    let mapped = |address: [u8; 4]| [&[0; 10][..], &[0xff; 2], &address].concat();
    let body = [&mapped([192, 0, 2, 1])[..], &mapped([198, 51, 100, 2]), &[0, 1, 0, 2]].concat();
    assert_eq!(read(&v2(0x21, 0x21, &body)), Ok(Some((wanted, 52))));
}

#[test]
fn a_line_that_is_not_exactly_as_specified_is_refused() {
    for line in [
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n",
        "PROXY  TCP4 192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 -1 2\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\r\n",
    ] {
        assert_eq!(read(line.as_bytes()), Err(NotAProxyHeader::Line), "{line:?}");
    }
    let endless = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 93]].concat();
    assert_eq!(read(&endless[..106]), Ok(None));
    assert_eq!(read(&endless), Err(NotAProxyHeader::Line), "107 octets without a line end");
    let late = [&endless[..106], b"\r\n"].concat();
    assert_eq!(read(&late), Err(NotAProxyHeader::Line), "108 octets with its end");
}

#[test]
fn what_version_2_may_not_say_is_refused_as_soon_as_it_shows() {
    use NotAProxyHeader::{Command, Family, TooLong, TooShort};
    assert_eq!(read(&[V2_START, &[0x11]].concat()), Err(Command(0x11)), "version 1 in the form of 2");
    assert_eq!(read(&v2(0x22, 0x11, &IPV4)), Err(Command(0x22)));
    for family in [0x01, 0x10, 0x12, 0x13, 0x20, 0x22, 0x31, 0x32, 0x41] {
        assert_eq!(read(&v2(0x21, family, &[0; 216])), Err(Family(family)), "UDP, UNIX and unknown ones");
    }
    assert_eq!(read(&v2(0x21, 0x11, &IPV4[..11])), Err(TooShort(11)));
    assert_eq!(read(&v2(0x21, 0x21, &[0; 35])), Err(TooShort(35)));
    assert_eq!(
        read(&[V2_START, &[0x21, 0x11, 0x08, 0x01]].concat()),
        Err(TooLong(2049)),
        "by its head alone"
    );
}

#[test]
fn a_connection_without_the_header_is_refused_by_its_first_octet_that_differs() {
    for other in
        [&[0x30][..], &[0x16, 3, 1], b"PROXX", b"PROXY\t", b"\r\n\r\n\0\r\nQUIX", b"GET / HTTP/1.1\r\n"]
    {
        assert_eq!(read(other), Err(NotAProxyHeader::Start), "{other:x?}");
    }
    assert_eq!(read(b""), Ok(None));
}

proptest! {
    #[test]
    fn no_octets_make_it_panic_and_no_part_of_a_header_is_taken_for_it(
        start in 0_usize..4, bytes in proptest::collection::vec(any::<u8>(), 0..120)
    ) {
        let starts: [&[u8]; 4] = [b"", b"PROXY TCP4 192.0.2.1 ", &v2(0x21, 0x11, &[])[..14], &v2(0x21, 0x11, &IPV4)];
        let all = [starts[start], &bytes].concat();
        if let Ok(Some((header, octets))) = read(&all) {
            prop_assert!(octets <= all.len());
            prop_assert_eq!(read(&all[..octets]), Ok(Some((header, octets))), "what follows has no say");
            for shorter in 0..octets {
                prop_assert_eq!(read(&all[..shorter]), Ok(None));
            }
        }
    }
}
