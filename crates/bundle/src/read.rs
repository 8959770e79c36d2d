//! Unpacking what a stranger may have packed.

use crate::{Bundle, Error, HEAD, Listed, MANIFEST, Manifest, Part, SCHEMA, UNPACKED, digest};
use std::io::Read;

/// zstd asks for a window of this many bits of memory at most: 128 MiB.
const WINDOW: u32 = 27;

/// The bundle, in memory, if it is one and whole. Nothing is written, and a name in it is never a path here.
pub fn read(from: impl Read) -> Result<Bundle, Error> {
    let mut unpacked = zstd::Decoder::new(from)?;
    unpacked.window_log_max(WINDOW)?;
    let mut archive = tar::Archive::new(unpacked.take(UNPACKED + 1));
    let mut entries = archive.entries()?;
    let manifest = match entries.next() {
        Some(entry) => manifest(entry?)?,
        None => return Err(foreign("it is empty")),
    };
    let mut parts = Vec::new();
    for listed in &manifest.parts {
        let part = known(&listed.file)?;
        let entry = entries
            .next()
            .ok_or_else(|| foreign(format!("{} is missing", listed.file)))??;
        parts.push((part, whole(entry, listed)?));
    }
    match entries.next() {
        None => Ok(Bundle { manifest, parts }),
        Some(entry) => Err(foreign(format!("{} is in no manifest", name(&entry?)))),
    }
}

fn manifest(entry: tar::Entry<'_, impl Read>) -> Result<Manifest, Error> {
    let bytes = content(entry, MANIFEST, HEAD)?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| foreign(format!("{MANIFEST}: {error}")))?;
    if manifest.schema != SCHEMA {
        let schema = manifest.schema;
        return Err(foreign(format!(
            "it is a {schema}, and this why502 reads {SCHEMA}"
        )));
    }
    Ok(manifest)
}

/// A part that the list knows; one that an archive lists twice is caught by the order of the entries and their digests.
fn known(file: &str) -> Result<Part, Error> {
    let part = Part::ALL.into_iter().find(|part| part.file() == file);
    part.ok_or_else(|| foreign(format!("{MANIFEST} lists {file}")))
}

fn whole(entry: tar::Entry<'_, impl Read>, listed: &Listed) -> Result<Vec<u8>, Error> {
    let bytes = content(entry, &listed.file, UNPACKED)?;
    if bytes.len() as u64 != listed.size || digest(&bytes) != listed.sha256 {
        return Err(foreign(format!("{} is not what the manifest lists", listed.file)));
    }
    Ok(bytes)
}

fn content(mut entry: tar::Entry<'_, impl Read>, file: &str, limit: u64) -> Result<Vec<u8>, Error> {
    let found = name(&entry);
    if found != file || !entry.header().entry_type().is_file() {
        return Err(foreign(format!("{found} where {file} belongs")));
    }
    if entry.size() > limit {
        return Err(Error::TooLarge { limit });
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn name<R: Read>(entry: &tar::Entry<'_, R>) -> String {
    String::from_utf8_lossy(&entry.path_bytes()).into_owned()
}

fn foreign(why: impl Into<String>) -> Error {
    Error::Foreign(why.into())
}
