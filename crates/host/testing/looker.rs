//! The smallest program that can serve as a looker: tests of `host::live` start it.

fn main() -> std::io::Result<()> {
    host::live::looker_main()
}
