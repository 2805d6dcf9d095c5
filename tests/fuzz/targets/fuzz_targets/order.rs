#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| federation_fuzz::run("order", input));
