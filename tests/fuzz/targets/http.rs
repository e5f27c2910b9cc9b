//! Hands what libFuzzer makes up to the laws of `fuzz::http`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::http::check(bytes));
