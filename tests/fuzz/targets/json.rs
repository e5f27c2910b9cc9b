//! Hands what libFuzzer makes up to the laws of `fuzz::json`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::json::check(bytes));
