//! What a configuration is refused for, and that the example in `deploy/` is one.

use expect_test::{Expect, expect};

use super::*;

fn parse(text: &str) -> Result<Config, Fault> {
    let surroundings = Surroundings {
        folder: Path::new("/etc/regulars"),
        environment: &|name| (name == "KAFKA_PASSWORD").then(|| "hush".to_string()),
        read: &|path| std::fs::read_to_string(path),
    };
    Config::parse(text, "regulars.toml", &surroundings)
}

fn check(text: &str, expected: Expect) {
    let told = match parse(text) {
        Ok(_) => "accepted\n".to_string(),
        Err(fault) => format!("{fault}\n"),
    };
    expected.assert_eq(&told);
}

// A wrong key must be found by whoever runs the service, not by the customers: every refusal names its place and
// says what would be right.
#[test]
fn refusals() {
    check(
        "",
        expect![[r#"
        regulars.toml:1: kafka: is missing; add [kafka] with bootstrap, or [files] with input and output
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\n\n[files]\ninput = 'in'\noutput = 'out'\n",
        expect![[r#"
        regulars.toml:4: files: stands beside [kafka]; a service reads one log, so remove one of them
    "#]],
    );
    check(
        "[kafka]\nbootstrap = \n",
        expect![[r#"
        regulars.toml:2: string values must be quoted, expected literal string
    "#]],
    );
    check(
        "[kafka]\napplication_id = 'x'\n",
        expect![[r#"
        regulars.toml:1: kafka.bootstrap: is missing
    "#]],
    );
    check(
        "[kafka]\nbootstrap = ' '\n",
        expect![[r#"
        regulars.toml:2: kafka.bootstrap: is empty; give "host:port", several separated by commas
    "#]],
    );
    check(
        "datta = 'x'\n[kafka]\nbootstrap = 'b:9092'\n",
        expect![[r#"
        regulars.toml:1: datta: is not known, expected one of `programme`, `model`, `data`, `kafka`, `files`, `output`, `limits`, `http`, `time`
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\nworkers = 'two'\n",
        expect![[r#"
        regulars.toml:3: kafka.workers: invalid type: string "two", expected u32
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\nworkers = 0\napplication_id = 'a b'\n",
        expect![[r#"
        regulars.toml:3: kafka.workers: 0 must lie between 1 and 256
        regulars.toml:4: kafka.application_id: "a b" must be 1 to 100 letters, digits, '.', '_' and '-'
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\ninputs = [\n  { topic = 'a' },\n  { topic = 'a' },\n]\n",
        expect![[r#"
            regulars.toml:5: kafka.inputs.1.topic: "a" stands in the list twice
        "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\ninputs = [\n  { topic = 'a', encoding = 'xml' },\n]\n",
        expect![[r#"
        regulars.toml:4: kafka.inputs.0.encoding: unknown variant `xml`, expected `json` or `protobuf`
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\n[[kafka.inputs]]\ntopic = 'a'\nencodin = 'json'\n",
        expect![[r#"
        regulars.toml:5: kafka.inputs.0.encodin: is not known, expected `topic` or `encoding`
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\n[limits]\nturn_records_max = 0\nturn_wait_ms = -1\n",
        expect![[r#"
        regulars.toml:5: limits.turn_wait_ms: invalid value: integer `-1`, expected u32
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\n[limits]\nturn_records_max = 0\nturn_wait_ms = 60000\n",
        expect![[r#"
        regulars.toml:4: limits.turn_records_max: 0 must lie between 1 and 1000000
        regulars.toml:5: limits.turn_wait_ms: 60000 must lie between 0 and 5000
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\n[http]\nlisten = 'localhost'\n",
        expect![[r#"
            regulars.toml:4: http.listen: "localhost" is no address with a port, such as "127.0.0.1:9464"
        "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\n[kafka.client]\n'isolation.level' = 'read_uncommitted'\n",
        expect![[r#"
        regulars.toml:4: kafka.client.isolation.level: may not be set: aborted records must not be read
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\n[kafka.client]\n'group.id' = 'other'\n",
        expect![[r#"
        regulars.toml:4: kafka.client.group.id: may not be set: it is set by `application_id`
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\n[kafka.client]\n'sasl.password' = { env = 'NOPE' }\n",
        expect![[r#"
        regulars.toml:4: kafka.client.sasl.password: environment variable NOPE is not set
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\n[kafka.client]\n'sasl.password' = { vault = 'x' }\n",
        expect![[r#"
        regulars.toml:4: kafka.client.sasl.password.vault: is not known, expected `env` or `file`
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\n[kafka.client]\n'sasl.password' = { file = 'none' }\n",
        expect![[r#"
        regulars.toml:4: kafka.client.sasl.password: /etc/regulars/none: No such file or directory (os error 2)
    "#]],
    );
    check(
        "[files]\ninput = 'in'\noutput = 'out'\n[output]\nencoding = 'protobuf'\n",
        expect![[r#"
        regulars.toml:5: output.encoding: "protobuf" does not go into lines of text; give "json"
    "#]],
    );
    check(
        "[kafka]\nbootstrap = 'b:9092'\n[output.topics]\n'loyalty.tier.v1' = 'protobuf'\n",
        expect![[r#"
            regulars.toml:4: output.topics.loyalty.tier.v1: is no output topic; there are loyalty.tier.changed.v1, loyalty.churn-risk.changed.v1, loyalty.points.changed.v1, loyalty.engagement.changed.v1, loyalty.programme.changed.v1, loyalty.customer.merged.v1, loyalty.customer.erased.v1, loyalty.group.changed.v1, loyalty.customer.state.v1
        "#]],
    );
}

// Passwords stand in process listings and logs sooner than one thinks: they come from elsewhere and are never shown.
#[test]
fn secrets_are_fetched_and_not_shown() {
    let text = "[kafka]\nbootstrap = 'b:9092'\n[kafka.client]\n'sasl.password' = { env = 'KAFKA_PASSWORD' }\n\
                'socket.keepalive.enable' = true\n";
    let config = parse(text).unwrap();
    let LogConfig::Kafka(kafka) = &config.log else { panic!("not Kafka") };
    assert_eq!(kafka.settings.client["sasl.password"], "hush");
    assert_eq!(kafka.settings.client["socket.keepalive.enable"], "true");
    assert!(!format!("{config:?}").contains("hush"));
    let refused = |name: &str| parse(&text.replace("sasl.password", name)).unwrap_err().to_string();
    let mistyped = refused("sasl.pasword");
    assert!(
        mistyped.contains("No such configuration property: \"sasl.pasword\"") && !mistyped.contains("hush"),
        "{mistyped}"
    );
    let misplaced = refused("security.protocol");
    assert!(misplaced.contains("does not take the value of \"security.protocol\""), "{misplaced}");
}

// Who starts the service from another directory must not get another programme.
#[test]
fn paths_are_relative_to_the_file() {
    let config = parse("programme = 'p.toml'\n[files]\ninput = 'in'\noutput = '/out'\n").unwrap();
    assert_eq!(config.programme, [Path::new("/etc/regulars/p.toml")]);
    assert_eq!(config.data, Path::new("/etc/regulars/data"));
    let LogConfig::Files(files) = config.log else { panic!("not files") };
    assert_eq!(files, Files { input: "/etc/regulars/in".into(), output: "/out".into() });
}

// The example is where everyone begins: it must be accepted, and show the values that apply without it.
#[test]
fn the_example_shows_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/regulars.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let example = parse(&text).unwrap();
    let least =
        parse("data = '/var/lib/regulars'\n[kafka]\nbootstrap = 'localhost:9092'\ninstance_id = 'regulars-0'\n");
    assert_eq!(format!("{example:#?}"), format!("{:#?}", least.unwrap()));
}

// What is commented out in the example must be right too when somebody comments it in.
#[test]
fn the_example_holds_with_everything_commented_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/regulars.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let commented_in: String =
        text.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).flat_map(|line| [line, "\n"]).collect();
    parse(&commented_in).unwrap();
}
