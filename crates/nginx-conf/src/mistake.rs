//! What is wrong with a configuration, where, and what to do.

use crate::Place;
use std::fmt;
use std::path::PathBuf;

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where to look; for an unterminated quote or block, where it was opened.
    pub place: Place,
    /// What is wrong.
    pub fault: Fault,
}

/// Kinds of mistakes. Text in them is shortened and safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A quote that is opened here is never closed.
    OpenQuote {
        /// `"` or `'`.
        quote: char,
    },
    /// Something other than a space, `;`, `{` or `)` right after a closing quote.
    AfterQuote {
        /// What stands there.
        found: String,
    },
    /// `{` or `;` without a directive before it.
    NoDirective {
        /// `{` or `;`.
        found: char,
    },
    /// A `}` that closes nothing.
    NothingToClose,
    /// The block opened here is not closed.
    OpenBlock {
        /// Its directive.
        name: String,
    },
    /// The Lua code opened here is not closed: a brace or a long bracket.
    OpenLua {
        /// Its directive.
        name: String,
    },
    /// A block inside `map`, `types` or their like, which hold pairs of words.
    BlockAmongPairs {
        /// The directive that would have the block.
        name: String,
    },
    /// A directive without its `;`.
    NoSemicolon {
        /// Its name.
        name: String,
    },
    /// A directive that needs a block and has none.
    NoBlock {
        /// Its name.
        name: String,
    },
    /// Too few or too many arguments.
    WrongCount {
        /// The directive.
        name: String,
        /// How many it has.
        found: usize,
    },
    /// A directive name on its own line is taken as an argument of the directive before it.
    Swallowed {
        /// The directive that takes it.
        by: String,
        /// The name that is taken for an argument.
        name: String,
    },
    /// The file starts with a byte order mark, which nginx takes as part of the first name.
    ByteOrderMark,
    /// A word or comment of more than 4096 bytes: nginx's buffer.
    TooLong,
    /// Blocks nested deeper than anyone writes by hand; what is deeper was left out.
    TooDeep,
    /// The file is larger than is read; the rest was left out.
    TooBig,
    /// `include` of a file that is not there.
    NoSuchFile {
        /// The file asked for.
        file: PathBuf,
    },
    /// A file of the configuration could not be read by us; nginx may be able to.
    Unseen {
        /// The file or pattern.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// A file that includes itself, directly or not.
    Circle {
        /// The file that would be read again.
        file: PathBuf,
    },
    /// More includes, or deeper ones, than are followed; this one was left out.
    TooManyIncludes {
        /// The file left out.
        file: PathBuf,
    },
}

impl Fault {
    /// nginx does not start with it (as far as we can tell). Where it is false, nginx runs, or only we are in the dark.
    pub fn is_refused(&self) -> bool {
        !matches!(
            self,
            Self::Swallowed { .. }
                | Self::Unseen { .. }
                | Self::TooDeep
                | Self::TooBig
                | Self::TooManyIncludes { .. }
        )
    }

    /// What a person can do about it: an instruction.
    pub fn to_do(&self) -> String {
        match self {
            Self::OpenQuote { quote } => format!("close it with {quote} on the same line"),
            Self::AfterQuote { .. } => {
                "put a space or ; after the closing quote, or quote the whole word".into()
            }
            Self::NoDirective { found: '{' } => "write the directive before the {, or remove the {".into(),
            Self::NoDirective { .. } => "remove it".into(),
            Self::NothingToClose => "remove it, or restore the block it should close".into(),
            Self::OpenBlock { name } => format!("add the }} that ends {name}"),
            Self::OpenLua { name } => format!("close the brace or long bracket inside {name}"),
            Self::BlockAmongPairs { .. } => "end the block around it first".into(),
            Self::NoSemicolon { name } => format!("end {name} with ;"),
            Self::NoBlock { name } => format!("write {name} … {{ … }}"),
            Self::WrongCount { name, .. } => {
                format!("check the arguments of {name}, and the ; before and after it")
            }
            Self::Swallowed { by, .. } => format!("end {by} with ; if that is not meant"),
            Self::ByteOrderMark => "save the file without a byte order mark".into(),
            Self::TooLong => "make it shorter than 4096 bytes, or close the quote that is missing".into(),
            Self::TooDeep | Self::TooBig | Self::TooManyIncludes { .. } => "look at this part by hand".into(),
            Self::NoSuchFile { .. } => "create the file, correct the path, or remove the include".into(),
            Self::Unseen { .. } => "run as a user who may read it".into(),
            Self::Circle { .. } => "remove one include of the circle".into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenQuote { quote } => write!(f, "the quote {quote} opened here is never closed"),
            Self::AfterQuote { found } => write!(f, "unexpected \"{found}\" right after a closing quote"),
            Self::NoDirective { found } => write!(f, "unexpected \"{found}\": no directive before it"),
            Self::NothingToClose => f.write_str("unexpected \"}\": no block is open"),
            Self::OpenBlock { name } => write!(f, "the block of {name} opened here is not closed"),
            Self::OpenLua { name } => write!(f, "the Lua code of {name} opened here is not closed"),
            Self::BlockAmongPairs { name } => write!(f, "{name} {{ stands in a block that holds no blocks"),
            Self::NoSemicolon { name } => write!(f, "{name} is not ended by ;"),
            Self::NoBlock { name } => write!(f, "{name} has no {{"),
            Self::WrongCount { name, found } => write!(f, "{name} does not take {found} arguments"),
            Self::Swallowed { by, name } => write!(f, "{name} is taken for an argument of {by}"),
            Self::ByteOrderMark => f.write_str("the file starts with a byte order mark"),
            Self::TooLong => f.write_str("longer than nginx's 4096 bytes for one word or comment"),
            Self::TooDeep => f.write_str("blocks are nested too deep to follow"),
            Self::TooBig => f.write_str("the file is too big to be read to its end"),
            Self::NoSuchFile { file } => write!(f, "{} does not exist", file.display()),
            Self::Unseen { file, why } => write!(f, "{} could not be read: {why}", file.display()),
            Self::Circle { file } => write!(f, "{} includes itself", file.display()),
            Self::TooManyIncludes { file } => write!(f, "too many includes to follow {}", file.display()),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.fault, self.fault.to_do())
    }
}
