#![no_main]

libfuzzer_sys::fuzz_target!(init: wiretale_fuzz::seeds::write_if_asked("quic"), |data: &[u8]| wiretale_fuzz::targets::quic(data));
