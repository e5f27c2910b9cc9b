//! Hands what libFuzzer makes up to the laws of `fuzz::stored`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::stored::check(bytes));
