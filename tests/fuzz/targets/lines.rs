//! Hands what libFuzzer makes up to the laws of `fuzz::lines`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::lines::check(bytes));
