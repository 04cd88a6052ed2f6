#![no_main]

libfuzzer_sys::fuzz_target!(init: wiretale_fuzz::seeds::write_if_asked("http2"), |data: &[u8]| wiretale_fuzz::targets::http2(data));
