//! nginx configuration: bytes -> [`Tree`] -> what is in effect ([`effective::Config`]).
//!
//! No I/O: the caller supplies bytes ([`parse`], [`load`], [`from_dump`]). Nothing here fails: broken input gives
//! the best tree there is, and a [`Mistake`] with a place and what to do for everything that is wrong with it.
//! Every directive and every word knows its file, line, column and bytes.
//!
//! The words are split by the rules of nginx's own `src/core/ngx_conf_file.c`, not by a grammar: `#` and `}` may
//! stand inside a word, a quote opens only at a word's start, and `${name}` does not open a block.

mod dump;
pub mod effective;
mod glob;
mod grammar;
mod load;
mod lua;
mod mistake;
mod parse;
mod source;
mod text;
mod token;
mod tree;

pub use dump::from_dump;
pub use glob::matches as glob_matches;
pub use load::{Supplied, Wanted, load};
pub use mistake::{Fault, Mistake};
pub use parse::parse;
pub use source::{Place, Source, Span};
pub use text::Text;
pub use tree::{Body, Directive, Flat, Tree, Word};
