//! The shim alone, as the tests of this crate start it. `navarch shim` is the same in the whole program.

fn main() {
    navarch_runtime::shim::main(std::env::args_os().skip(1))
}
