//! Hands what libFuzzer makes up to the laws of `fuzz::config`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::config::check(bytes));
