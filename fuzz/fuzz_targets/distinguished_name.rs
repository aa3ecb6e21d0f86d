#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hookspool_fuzz::distinguished_name::run(data));
