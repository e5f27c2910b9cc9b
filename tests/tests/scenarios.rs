//! Ring 2: small cases as text, `scenarios/*.txt`, run through the real programme.
//!
//! `UPDATE_EXPECT=1 cargo test --release -p tests --test scenarios` writes down what is announced now; read the
//! difference before you commit it. The form of the text: `src/scenario.rs`.

use std::path::Path;

use tests::scenario;

#[test]
fn scenarios_say_what_they_said() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(&folder).expect("scenarios/ can be read");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("scenarios/ can be read").path()).collect();
    paths.sort();
    assert!(paths.len() >= 12, "scenarios are missing: {} found", paths.len());
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a scenario can be read");
        assert!(text.starts_with("# "), "{}: the first line says what would break in the world", path.display());
        let said = scenario::run(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        expect_test::expect_file![&path].assert_eq(&said);
    }
}
