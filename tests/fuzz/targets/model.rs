//! Hands what libFuzzer makes up to the laws of `fuzz::model`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::model::check(bytes));
