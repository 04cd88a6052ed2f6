//! Lessons and captures are part of the program: a new file in their folders means building again.

fn main() {
    println!("cargo::rerun-if-changed=lessons");
    println!("cargo::rerun-if-changed=captures");
}
