#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wiretale_fuzz::targets::filter(data));
