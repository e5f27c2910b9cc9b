//! Hands what libFuzzer makes up to the laws of `fuzz::terms`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::terms::check(bytes));
