//! TensorBoard's event file: a TFRecord of protocol buffers, of which only the few fields that it needs are written.
//!
//! Field numbers: tensorflow's `event.proto`, `summary.proto` and `tensor.proto`, TensorBoard's
//! `plugins/hparams/plugin_data.proto`, and protobuf's `struct.proto`.

use serde_json::Value;

/// An event file as bytes.
pub struct EventFile(Vec<u8>);

impl EventFile {
    /// A file that starts at `wall_time`, in seconds since 1970.
    pub fn new(wall_time: f64) -> Self {
        let mut file = Self(Vec::new());
        let event = Message::new().double(1, wall_time).text(3, "brain.Event:2");
        file.record(&event);
        file
    }

    /// Adds scalars of one step by their tags. TensorBoard keeps 32 bits of a scalar.
    pub fn scalars(&mut self, wall_time: f64, step: u64, scalars: &[(&str, f64)]) {
        let summary = scalars
            .iter()
            .fold(Message::new(), |summary, (tag, value)| {
                let value = Message::new().text(1, tag).float(2, *value as f32);
                summary.message(1, &value)
            });
        if !scalars.is_empty() {
            self.summary(wall_time, step, &summary);
        }
    }

    /// Adds the settings of the run for the tab HPARAMS: numbers, texts and flags by their names.
    pub fn settings<'a>(
        &mut self,
        wall_time: f64,
        group: &str,
        settings: impl Iterator<Item = (&'a str, &'a Value)>,
    ) {
        let start = settings.fold(Message::new(), |start, (name, value)| {
            let value = match value {
                Value::Bool(flag) => Message::new().varint(4, u64::from(*flag)),
                Value::Number(number) => {
                    Message::new().double(2, number.as_f64().unwrap_or(f64::NAN))
                }
                Value::String(text) => Message::new().text(3, text),
                other => Message::new().text(3, &other.to_string()),
            };
            start.message(1, &Message::new().text(1, name).message(2, &value))
        });
        let start = start.text(4, group).double(5, wall_time);
        self.hparams(wall_time, "session_start_info", 3, &start);
    }

    /// Adds whether the run was a success.
    pub fn end(&mut self, wall_time: f64, success: bool) {
        let status = if success { 1 } else { 2 };
        let end = Message::new().varint(1, status).double(2, wall_time);
        self.hparams(wall_time, "session_end_info", 4, &end);
    }

    fn hparams(&mut self, wall_time: f64, tag: &str, field: u64, data: &Message) {
        let content = Message::new().message(field, data);
        let plugin = Message::new().text(1, "hparams").message(2, &content);
        // An empty tensor of floats, [0], as TensorBoard writes it.
        let shape = Message::new().message(2, &Message::new());
        let tensor = Message::new().varint(1, 1).message(2, &shape);
        let value = Message::new()
            .text(1, &format!("_hparams_/{tag}"))
            .message(8, &tensor)
            .message(9, &Message::new().message(1, &plugin));
        self.summary(wall_time, 0, &Message::new().message(1, &value));
    }

    fn summary(&mut self, wall_time: f64, step: u64, summary: &Message) {
        let event = Message::new().double(1, wall_time).varint(2, step);
        self.record(&event.message(5, summary));
    }

    /// A record of TFRecord: length, its checksum, content, its checksum.
    fn record(&mut self, Message(content): &Message) {
        let length = (content.len() as u64).to_le_bytes();
        for part in [&length[..], content] {
            self.0.extend(part);
            self.0.extend(masked(crc_32c(part)).to_le_bytes());
        }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The encoding of a protocol buffer, field by field.
struct Message(Vec<u8>);

impl Message {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn key(mut self, field: u64, wire_type: u64) -> Self {
        self.push_varint(field << 3 | wire_type);
        self
    }

    fn varint(self, field: u64, number: u64) -> Self {
        let mut message = self.key(field, 0);
        message.push_varint(number);
        message
    }

    fn double(self, field: u64, number: f64) -> Self {
        let mut message = self.key(field, 1);
        message.0.extend(number.to_le_bytes());
        message
    }

    fn float(self, field: u64, number: f32) -> Self {
        let mut message = self.key(field, 5);
        message.0.extend(number.to_le_bytes());
        message
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, Self(inner): &Self) -> Self {
        self.bytes(field, inner)
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut message = self.key(field, 2);
        message.push_varint(bytes.len() as u64);
        message.0.extend(bytes);
        message
    }

    /// Seven bits per byte, the lowest first; the eighth says that more follow.
    fn push_varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

/// Castagnoli's CRC, RFC 3720, appendix B.4.
fn crc_32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut crc = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                let is_odd = crc & 1 == 1;
                crc = (crc >> 1) ^ if is_odd { POLYNOMIAL } else { 0 };
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| {
        crc >> 8 ^ TABLE[usize::from(crc as u8 ^ byte)]
    })
}

/// As TFRecord stores a checksum, so that a checksum of data with checksums is a good one.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        for (bytes, crc) in [
            (&[0; 32][..], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&ascending, 0x46dd_794e),
            (&descending, 0x113f_db5c),
            (b"123456789", 0xe306_9283),
            (b"", 0),
        ] {
            assert_eq!(crc_32c(bytes), crc, "{bytes:?}");
        }
    }

    #[test]
    fn a_record_has_its_length_and_masked_checksums_of_both() {
        let mut file = EventFile(Vec::new());
        file.record(&Message(b"abc".to_vec()));
        let mut expected = vec![3, 0, 0, 0, 0, 0, 0, 0];
        expected.extend(masked(crc_32c(&[3, 0, 0, 0, 0, 0, 0, 0])).to_le_bytes());
        expected.extend(b"abc");
        expected.extend(masked(crc_32c(b"abc")).to_le_bytes());
        assert_eq!(file.into_bytes(), expected);
        // leveldb's crc32c_test: a masked checksum differs, also if it is masked again.
        let crc = crc_32c(b"foo");
        assert_ne!(masked(crc), crc);
        assert_ne!(masked(masked(crc)), crc);
        assert_eq!(masked(0), 0xa282_ead8);
        assert_eq!(masked(0x8000), 0xa282_ead9);
    }

    #[test]
    fn a_scalar_is_an_event_with_time_step_tag_and_value() {
        let mut file = EventFile(Vec::new());
        file.scalars(2.0, 300, &[("a", 0.5)]);
        let event = [
            &[0x09][..],
            &2.0_f64.to_le_bytes(),
            &[0x10, 0xac, 0x02],
            &[0x2a, 10, 0x0a, 8, 0x0a, 1, b'a', 0x15],
            &0.5_f32.to_le_bytes(),
        ];
        let bytes = file.into_bytes();
        assert_eq!(bytes[12..bytes.len() - 4], event.concat());
    }

    #[test]
    fn a_step_without_scalars_is_no_event() {
        let mut file = EventFile(Vec::new());
        file.scalars(2.0, 1, &[]);
        assert_eq!(file.into_bytes(), [0; 0]);
    }
}
