#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wiretale_fuzz::targets::capture_file(data));
