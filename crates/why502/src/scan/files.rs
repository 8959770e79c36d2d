//! Files of logs, plain and compressed.

use flate2::bufread::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

/// Memory an .xz file may ask for, KiB: what `xz -6`, logrotate's default, needs and half of it again.
const XZ_KIB: u32 = 12 << 10;
/// The largest window of a .zst file, as a power of two: 8 MiB, what the format's standard asks every reader to bear.
const ZSTD_WINDOW: u32 = 23;

/// One file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

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
        Ok(Self {
            path: path.to_owned(),
            size: about.len(),
            modified: about.modified().ok(),
            packing,
            head,
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
        }
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
        let file = Counted(open(&self.path)?, read);
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
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Packing::Xz,
        _ => Packing::Plain,
    }
}

struct Counted<'a>(File, &'a AtomicU64);

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(into)?;
        self.1.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
