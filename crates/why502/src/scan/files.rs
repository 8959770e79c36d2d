//! Files of logs, plain and compressed.

use flate2::bufread::MultiGzDecoder;
use std::{
    fs::{File, Metadata},
    io::{self, BufRead, BufReader, Read},
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

/// Memory an .xz file may ask for, KiB: what `xz -6`, logrotate's default, needs and half of it again.
const XZ_KIB: u32 = 12 << 10;
/// The largest window of a .zst file, as a power of two: 8 MiB, what the format's standard asks every reader to bear.
const ZSTD_WINDOW: u32 = 23;
/// Files whose descriptor is below stay open from being found to being read. A process may hold 1024 unless it is said.
const KEPT_OPEN: i32 = 512;

/// One file of a log.
#[derive(Clone, Debug)]
pub struct LogFile {
    /// The file; `-` is standard input.
    pub path: PathBuf,
    /// Bytes on the disk when it was found; 0 for what is no file.
    pub size: u64,
    /// When it was last written to.
    pub modified: Option<SystemTime>,
    pub(super) packing: Packing,
    /// What was read already of what can be read but once: a pipe.
    head: Vec<u8>,
    /// Which file it is, whatever its name is by now; `None` for what is no file.
    identity: Option<Identity>,
    /// Open since it was found: a file that is renamed, or packed and removed, is read to its end all the same.
    file: Option<Arc<File>>,
}

/// Device and inode.
type Identity = (u64, u64);

/// Bytes of a log's beginning that show what it is.
const BEGINNING: u64 = 64 << 10;

/// A hole at the beginning of a log is looked past for so many times that, 1 GiB.
const HOLE: usize = 16 << 10;

/// How it is packed, told by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    /// Plain, in a pipe.
    Pipe,
    /// Plain, and all of it is the head.
    Held,
    Gzip,
    Zstd,
    Xz,
}

/// Opens a log.
///
/// # Errors
/// As the system says.
#[expect(
    clippy::disallowed_methods,
    reason = "a log named on the command line or by nginx's config; see the module"
)]
pub(super) fn open(path: &Path) -> io::Result<File> {
    File::open(if path == Path::new("-") {
        Path::new("/dev/stdin")
    } else {
        path
    })
}

impl LogFile {
    /// Looks at a file: its size, its age, its packing.
    ///
    /// # Errors
    /// As the system says; a directory is one too.
    pub(super) fn find(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut head = Vec::new();
        if about.is_file() {
            head.resize(6, 0);
            let length = file.read_at(&mut head, 0)?;
            head.truncate(length);
        } else {
            (&file).take(BEGINNING).read_to_end(&mut head)?;
        }
        let packing = match packing(&head) {
            Packing::Plain if !about.is_file() => Packing::Pipe,
            packing => packing,
        };
        if about.is_file() {
            head.clear();
        }
        let stays = about.is_file() && file.as_raw_fd() < KEPT_OPEN;
        Ok(Self {
            path: path.to_owned(),
            size: about.len(),
            modified: about.modified().ok(),
            packing,
            head,
            identity: identity(&about),
            file: stays.then(|| Arc::new(file)),
        })
    }

    /// A log whose text is at hand: there is no file.
    pub(super) fn held(path: &Path, text: Vec<u8>) -> Self {
        Self {
            path: path.to_owned(),
            size: text.len() as u64,
            modified: None,
            packing: Packing::Held,
            head: text,
            identity: None,
            file: None,
        }
    }

    /// There is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.size == 0 && self.head.is_empty()
    }

    /// It is the same file, under whatever name.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.identity.is_some() && self.identity == other.identity
    }

    /// The file that was found, not what has its name by now.
    ///
    /// # Errors
    /// As the system says, or where it is there no more.
    pub(super) fn file(&self) -> io::Result<Arc<File>> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let file = open(&self.path)?;
        if identity(&file.metadata()?) != self.identity {
            return Err(io::Error::other("it was rotated away before it was read"));
        }
        Ok(Arc::new(file))
    }

    /// Its text from the beginning; bytes taken off the disk are added to `read`.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn text<'a>(&'a self, read: &'a AtomicU64) -> io::Result<Box<dyn Read + 'a>> {
        if self.packing == Packing::Held {
            read.fetch_add(self.size, Ordering::Relaxed);
            return Ok(Box::new(self.head.as_slice()));
        }
        let file = Counted {
            file: self.file()?,
            at: self.identity.map(|_| 0),
            read,
        };
        let file = BufReader::with_capacity(128 << 10, self.head.as_slice().chain(file));
        unpacked(self.packing, file)
    }

    /// Its first bytes, unpacked; fewer where it is shorter or damaged.
    pub(super) fn beginning(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if self.packing == Packing::Pipe {
            return self.head.clone();
        }
        // a packed pipe shows what was read of it, the rest is still to come
        let reader: io::Result<Box<dyn Read + '_>> = match self.head.is_empty() {
            true => self.text(&UNCOUNTED),
            false => unpacked(self.packing, self.head.as_slice()),
        };
        if let Ok(mut reader) = reader {
            // a log truncated under its writer begins with a hole
            for _ in 0..HOLE {
                text.clear();
                let read = reader.by_ref().take(BEGINNING).read_to_end(&mut text);
                if read.is_err() || text.iter().any(|byte| *byte != 0) || text.is_empty() {
                    break;
                }
            }
        }
        text
    }
}

/// Takes what nobody asks for.
static UNCOUNTED: AtomicU64 = AtomicU64::new(0);

fn unpacked<'a>(packing: Packing, file: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match packing {
        Packing::Plain | Packing::Pipe | Packing::Held => Box::new(file),
        Packing::Gzip => Box::new(MultiGzDecoder::new(file)),
        Packing::Zstd => {
            let mut text = zstd::stream::read::Decoder::with_buffer(file)?;
            text.window_log_max(ZSTD_WINDOW)?;
            Box::new(text)
        }
        Packing::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(file, true, XZ_KIB)),
    })
}

fn packing(magic: &[u8]) -> Packing {
    match magic {
        [0x1f, 0x8b, ..] => Packing::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Xz,
        _ => Packing::Plain,
    }
}

fn identity(about: &Metadata) -> Option<Identity> {
    about.is_file().then(|| (about.dev(), about.ino()))
}

struct Counted<'a> {
    file: Arc<File>,
    /// Where to read on: an open file has one place for all who read it. `None` for a pipe.
    at: Option<u64>,
    read: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.at {
            Some(at) => {
                let count = self.file.read_at(into, *at)?;
                *at += count as u64;
                count
            }
            None => (&*self.file).read(into)?,
        };
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "logs of a test's own")]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_no_more_is_not_taken_for_what_has_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        fs::write(&path, "old").unwrap();
        let found = LogFile::find(&path).unwrap();
        // as where too many are open
        let by_name = LogFile {
            file: None,
            ..found.clone()
        };
        assert!(by_name.file().is_ok());
        fs::rename(&path, dir.path().join("access.log.1")).unwrap();
        fs::write(&path, "new").unwrap();
        let error = by_name.file().unwrap_err().to_string();
        assert!(error.contains("rotated away"), "{error}");
        assert_eq!(found.beginning(), b"old");
    }
}
