#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hookspool_fuzz::settings::run(data));
