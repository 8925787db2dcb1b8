//! A client written from `docs/formats/sync.md` and `envelope.md` alone: bytes by hand, none of the product's codecs. It pulls all
//! that a server has and puts it into another one.

use std::collections::BTreeMap;

use crate::http::ask;
use crate::instance::{Instance, SYNC};

const DICTIONARY: &[u8] = include_bytes!("../../../store/src/dictionary/1.zdict");

/// Reads bytes from the front.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, count: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn uint(&mut self) -> usize {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            value |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }

    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.uint()).map(|_| each(self)).collect()
    }

    fn id(&mut self) -> [u8; 32] {
        self.take(32).try_into().unwrap()
    }

    fn text(&mut self) -> Vec<u8> {
        let length = self.uint();
        self.take(length).to_vec()
    }

    fn sum(&mut self) -> (usize, [u8; 32]) {
        (self.uint(), self.id())
    }
}

fn uint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Sends a question, packed without the dictionary as any may be, and unpacks the answer with it.
fn question(url: &str, message: &[u8]) -> Vec<u8> {
    let answer = ask(url, "POST", "/api/sync", &[SYNC], &zstd::encode_all(message, 1).unwrap());
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    zstd::bulk::Decompressor::with_dictionary(DICTIONARY).unwrap().decompress(&answer.body, 48 << 20).unwrap()
}

/// Signature and bytes by id, and definitions.
#[derive(Default)]
struct Held {
    envelopes: BTreeMap<[u8; 32], ([u8; 64], Vec<u8>)>,
    order: Vec<[u8; 32]>,
    definitions: Vec<Vec<u8>>,
}

impl Held {
    fn fingerprint(&self) -> Vec<u8> {
        let mut sum = [0u8; 32];
        for id in self.envelopes.keys() {
            let mut input = vec![8, 1];
            input.extend(id);
            let mut carry = 0;
            for (place, part) in sum.iter_mut().zip(blake3::hash(&input).as_bytes()) {
                let total = u16::from(*place) + u16::from(*part) + carry;
                *place = total as u8;
                carry = total >> 8;
            }
        }
        [uint(self.envelopes.len()), sum.to_vec()].concat()
    }

    fn hello(&self) -> Vec<u8> {
        [&[2, 1][..], &[0x77; 32], &[1], &[0; 16], &self.fingerprint(), &self.fingerprint()].concat()
    }

    /// Pulls until the server says that both hold the same; how many questions it took.
    fn pull(&mut self, url: &str) -> usize {
        for asked in 1.. {
            let answer = question(url, &self.hello());
            let mut read = Bytes(&answer);
            assert_eq!(read.take(2), [2, 2]);
            read.id();
            assert_eq!(read.uint(), 1);
            let offered = match read.byte() {
                0 => return asked,
                2 => offered(&mut read),
                4 => {
                    read.byte();
                    read.list(Bytes::id)
                }
                other => panic!("verdict {other}"),
            };
            self.get(url, offered);
        }
        unreachable!()
    }

    fn get(&mut self, url: &str, mut ids: Vec<[u8; 32]>) {
        ids.retain(|id| !self.envelopes.contains_key(id));
        while !ids.is_empty() {
            let answer = question(url, &[&[2, 5][..], &uint(ids.len()), &ids.concat()].concat());
            let mut read = Bytes(&answer);
            assert_eq!(read.take(2), [2, 7]);
            assert!(read.list(Bytes::uint).is_empty(), "all is held");
            for (at, signature, bytes) in read.list(|read| (read.uint(), read.take(64).to_vec(), read.text())) {
                let id = *blake3::hash(&[&[3, 1][..], &bytes].concat()).as_bytes();
                assert_eq!(id, ids[at], "domain 3, version 1, the bytes");
                self.envelopes.insert(id, (signature.try_into().unwrap(), bytes));
                self.order.push(id);
            }
            self.definitions.extend(read.list(Bytes::text));
            assert!(read.0.is_empty());
            ids.retain(|id| !self.envelopes.contains_key(id));
        }
    }

    fn put(&self, url: &str) -> Vec<u8> {
        let mut message = vec![2, 8, 1];
        message.extend(uint(self.order.len()));
        for (signature, bytes) in self.order.iter().map(|id| &self.envelopes[id]) {
            message.extend(signature);
            message.extend(uint(bytes.len()));
            message.extend(bytes);
        }
        message.extend(uint(self.definitions.len()));
        for definition in &self.definitions {
            message.extend(uint(definition.len()));
            message.extend(definition);
        }
        question(url, &message)
    }
}

/// What an answer about a range offers someone who asks for the rest the next time.
fn offered(read: &mut Bytes<'_>) -> Vec<[u8; 32]> {
    match read.byte() {
        1 => read.list(Bytes::id),
        2 => {
            let begins = read.list(|read| read.take(16).to_vec());
            let sums: Vec<_> = (0..=begins.len()).map(|_| read.sum()).collect();
            assert!(sums.iter().all(|(count, _)| *count > 0));
            panic!("more than this small client compares")
        }
        other => panic!("answer {other}"),
    }
}

#[test]
fn it_pulls_all_and_puts_all() {
    let (from, to) = (Instance::new("laptop", "Ada"), Instance::new("home", "Home"));
    for number in 0..20 {
        from.define(&format!("f{number}"), &format!("n + {number}L"));
    }
    let (from_url, to_url) = (from.serve(), to.serve());
    let mut held = Held::default();
    assert_eq!(held.pull(&from_url), 2);
    assert_eq!((held.envelopes.len(), held.definitions.len()), (40, 20));
    assert_eq!(held.pull(&from_url), 1, "the same");
    from.define("f20", "20L");
    assert_eq!((held.pull(&from_url), held.envelopes.len()), (2, 42));
    let finished = held.put(&to_url);
    let mut read = Bytes(&finished);
    assert_eq!(read.take(2), [2, 10]);
    assert!(read.list(Bytes::id).is_empty(), "nothing is refused");
    assert_eq!(read.uint(), 1, "the other's own fact");
    assert_eq!(to.prints().1, from.prints().1);
    to.verifies();
    // Ranges: it lacks one in the middle, so the server has to list what it holds there.
    let lost = held.order[10];
    held.envelopes.remove(&lost);
    assert_eq!(range_lists(&from_url, &held), Some(lost));
}

/// Compares by halving with the server: the one envelope that the server has and this side lacks.
fn range_lists(url: &str, held: &Held) -> Option<[u8; 32]> {
    // One range, from the first place to the end, claimed as a sum that is not the server's.
    let everything = [&i64::MIN.to_be_bytes()[..], &[0; 8], &[0]].concat();
    let claim = [&everything[..], &[0], &held.fingerprint()].concat();
    let message = [&[2, 3, 1][..], &[0; 16], &[1], &claim].concat();
    let answer = question(url, &message);
    let mut read = Bytes(&answer);
    assert_eq!(read.take(2), [2, 4]);
    assert_eq!((read.uint(), read.uint()), (1, 1));
    assert_eq!(read.byte(), 2, "it is cut into parts");
    let begins: Vec<[u8; 16]> = read.list(|read| read.take(16).try_into().unwrap());
    let sums: Vec<_> = (0..=begins.len()).map(|_| read.sum()).collect();
    assert_eq!(sums.iter().map(|(count, _)| count).sum::<usize>(), held.envelopes.len() + 1);
    // The ids of this side are claimed of each part; the answer says what is lacking.
    let mut ranges = Vec::new();
    let froms =
        std::iter::once([&i64::MIN.to_be_bytes()[..], &[0; 8]].concat()).chain(begins.iter().map(|b| b.to_vec()));
    let tos = begins.iter().map(|begin| Some(*begin)).chain([None]);
    for (from, to) in froms.zip(tos) {
        let mut ids: Vec<[u8; 32]> = held
            .envelopes
            .iter()
            .filter(|(id, (_, bytes))| {
                // Format, kind, space, author key, then the time.
                let place = [&bytes[1 + 1 + 16 + 32..][..8], &id[..8]].concat();
                let key = |place: &[u8]| (i64::from_be_bytes(place[..8].try_into().unwrap()), place[8..].to_vec());
                key(&place) >= key(&from) && to.is_none_or(|to| key(&place) < key(&to))
            })
            .map(|(id, _)| *id)
            .collect();
        ids.sort_unstable();
        let to = to.map_or(vec![0], |to| [&[1][..], &to].concat());
        ranges.push([&from[..], &to, &[1], &uint(ids.len()), &ids.concat()].concat());
    }
    let message = [&[2, 3, 1][..], &[0; 16], &uint(ranges.len()), &ranges.concat()].concat();
    let answer = question(url, &message);
    let mut read = Bytes(&answer);
    assert_eq!(read.take(3), [2, 4, 1]);
    let mut offered = Vec::new();
    for () in vec![(); read.uint()] {
        assert_eq!(read.byte(), 3);
        offered.extend(read.list(Bytes::id));
        assert!(read.list(Bytes::uint).is_empty(), "the server lacks nothing");
    }
    assert!(read.0.is_empty() && offered.len() == 1);
    offered.pop()
}
