//! Hands what libFuzzer makes up to the laws of `fuzz::protobuf`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::protobuf::check(bytes));
