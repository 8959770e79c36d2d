//! Bytes in JSON: a string where they are UTF-8, else hex in an object, so that nothing is lost and people can read it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Hex { hex: String },
}

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    let form = match std::str::from_utf8(bytes) {
        Ok(text) => Form::Text(text.to_owned()),
        Err(_) => Form::Hex {
            hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        },
    };
    form.serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    match Form::deserialize(from)? {
        Form::Text(text) => Ok(text.into_bytes()),
        Form::Hex { hex } => unhex(&hex).ok_or_else(|| D::Error::custom("not pairs of hex digits")),
    }
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pairs = digits.chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits
        .len()
        .is_multiple_of(2)
        .then(|| pairs.map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Holder(#[serde(with = "super")] Vec<u8>);

    #[test]
    fn every_byte_comes_back() {
        for bytes in [&b"listen = 9000\n"[..], b"", b"\xff\x00\n", &[0x80; 300]] {
            let json = serde_json::to_string(&Holder(bytes.to_vec())).expect("JSON");
            assert_eq!(
                serde_json::from_str::<Holder>(&json).expect("back"),
                Holder(bytes.to_vec()),
                "{json}"
            );
        }
    }

    #[test]
    fn odd_hex_is_refused() {
        assert!(unhex("abc").is_none());
        assert!(unhex("zz").is_none());
    }
}
