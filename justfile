# Shortcuts; `cargo xtask --help` is the full list.
default: test

test:
    cargo xtask test

quick:
    cargo xtask test --no-lab

demo:
    cargo xtask demo

lab *names:
    cargo xtask lab {{names}}
