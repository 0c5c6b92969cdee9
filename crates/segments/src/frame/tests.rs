//! Frames are whole or none, wherever they stand.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbered(u16);

impl Header for Numbered {
    const MAGIC: &'static [u8] = b"Nb";
    type Fields = [u8; 2];

    fn fields(&self) -> [u8; 2] {
        self.0.to_le_bytes()
    }

    fn from_fields(fields: [u8; 2]) -> Option<Self> {
        // Zero cannot be.
        Some(Numbered(u16::from_le_bytes(fields))).filter(|numbered| numbered.0 > 0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plain;

impl Header for Plain {
    const MAGIC: &'static [u8] = b"";
    type Fields = [u8; 0];

    fn fields(&self) -> [u8; 0] {
        []
    }

    fn from_fields(_: [u8; 0]) -> Option<Self> {
        Some(Plain)
    }
}

fn frame<H: Header>(header: H, payload: &[u8]) -> Vec<u8> {
    let mut frame = begin::<H>();
    frame.extend_from_slice(payload);
    seal(&header, &mut frame).unwrap();
    frame
}

fn reader(bytes: Vec<u8>) -> Reader {
    Reader::new(Box::new(Cursor::new(bytes)), 0)
}

#[test]
fn the_bytes_of_a_frame() {
    let checksum = crc32fast::hash(b"\x05\0\0\0\x07\0hello").to_le_bytes();
    let expected = [b"Nb\x05\0\0\0", &checksum[..], b"\x07\0hello"].concat();
    assert_eq!(frame(Numbered(7), b"hello"), expected);
    assert_eq!(header_bytes::<Numbered>(), 12);
    assert_eq!(read(&expected), Some((Numbered(7), &b"hello"[..], 17)));
    let checksum = crc32fast::hash(b"\x02\0\0\0hi").to_le_bytes();
    assert_eq!(frame(Plain, b"hi"), [b"\x02\0\0\0", &checksum[..], b"hi"].concat());
}

#[test]
fn what_is_not_whole_is_no_frame() {
    let whole = frame(Numbered(7), b"hello");
    for end in 0..whole.len() {
        assert_eq!(read::<Numbered>(&whole[..end]), None, "{end}");
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[end] ^= 1 << bit;
            assert_eq!(read::<Numbered>(&damaged), None, "{end}");
        }
    }
    assert_eq!(read::<Numbered>(&frame(Numbered(0), b"cannot be")), None);
    assert_eq!(payload_length::<Numbered>(b"Nb\xff\xff\xff\xff"), None);
}

#[test]
fn frames_behind_damage_are_found_again() {
    let (one, two, three) = (
        frame(Numbered(1), b"one"),
        frame(Numbered(2), b"Nb two"),
        frame(Numbered(3), b""),
    );
    let mut damaged = two.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let mut reader = reader([&one[..], &damaged, &two, &three].concat());
    let found = reader.next_frame::<Numbered>().unwrap().unwrap();
    assert_eq!(
        (found.offset, found.header, found.payload),
        (0, Numbered(1), &b"one"[..])
    );
    assert!(reader.next_frame::<Numbered>().unwrap().is_none());
    let gap = Gap {
        offset: one.len() as u64,
        length: damaged.len() as u64,
        rest: (damaged.len() + two.len() + three.len()) as u64,
        behind: vec![Numbered(2), Numbered(3)],
    };
    assert_eq!(reader.skip_gap::<Numbered>().unwrap(), gap);
    assert_eq!(reader.next_frame::<Numbered>().unwrap().unwrap().payload, b"Nb two");
    assert_eq!(reader.next_frame::<Numbered>().unwrap().unwrap().header, Numbered(3));
    assert!(reader.next_frame::<Numbered>().unwrap().is_none());
    assert_eq!(reader.skip_gap::<Numbered>().unwrap().rest, 0);
}

#[test]
fn without_a_magic_nothing_is_found_behind_damage() {
    let (one, two) = (frame(Plain, b"one"), frame(Plain, b"two"));
    let mut reader = reader([&one[..], b"damage", &two].concat());
    assert_eq!(reader.next_frame::<Plain>().unwrap().unwrap().payload, b"one");
    assert!(reader.next_frame::<Plain>().unwrap().is_none());
    let gap = reader.skip_gap::<Plain>().unwrap();
    assert_eq!(
        (gap.length, gap.rest),
        ((b"damage".len() + two.len()) as u64, gap.length)
    );
    assert!(reader.next_frame::<Plain>().unwrap().is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, cut in 0..64_usize) {
        let mut bytes = bytes;
        bytes.extend(frame(Numbered(9), b"payload").into_iter().take(cut));
        let mut reader = reader(bytes.clone());
        while reader.next_frame::<Numbered>().unwrap().is_some() {}
        let gap = reader.skip_gap::<Numbered>().unwrap();
        prop_assert!(gap.offset + gap.rest == bytes.len() as u64);
        prop_assert_eq!(!gap.behind.is_empty(), reader.next_frame::<Numbered>().unwrap().is_some());
    }
}
