//! Reading whole logs, quickly and in little memory: files into blocks of whole entries, blocks onto two threads, counts
//! merged.
//!
//! Here files are opened that the command line or nginx's config names. They can be larger than any look at a host may be,
//! so they are read past [`host::Host`] and are in no recording.

mod files;
mod pump;
mod sources;
mod systems;
mod work;

pub use sources::{Log, configured, held, named};
pub use systems::Systems;
pub use work::{Ask, Depth, Scanned, Zone, run};
