#![no_main]

libfuzzer_sys::fuzz_target!(init: wiretale_fuzz::seeds::write_if_asked("capture_file"), |data: &[u8]| wiretale_fuzz::targets::capture_file(data));
