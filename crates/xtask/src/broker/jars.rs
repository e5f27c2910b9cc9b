//! Where the broker's jars come from: Maven resolves them once into the cache.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Result, at};
use crate::places::Places;
use crate::setup;
use crate::step;

/// The release of Apache Kafka that the real-broker tests run against.
pub(super) const VERSION: &str = "4.4.0";

/// The folder of the broker's jars.
pub(super) fn fetch(places: &Places) -> Result<PathBuf> {
    let folder = places.cache.join(format!("kafka-{VERSION}"));
    let libraries = folder.join("libs");
    if libraries.is_dir() {
        return Ok(libraries);
    }
    let _alone = setup::lock(places, "broker")?;
    if libraries.is_dir() {
        return Ok(libraries);
    }
    fs::create_dir_all(&folder).map_err(at("create", &folder))?;
    let pom = folder.join("pom.xml");
    fs::write(&pom, pom_text()).map_err(at("write", &pom))?;
    let part = folder.join("libs.part");
    // What it says, and be it only to reset colours, is not for whoever reads our own standard output.
    let mut maven = Command::new("sh");
    maven
        .args(["-c", r#"exec mvn "$@" >&2"#, "mvn"])
        .args(["--quiet", "--batch-mode", "-Dstyle.color=never", "--file"])
        .arg(&pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", part.display()));
    step::run(&format!("fetch Apache Kafka {VERSION}, about 45 MB"), &mut maven)?;
    fs::rename(&part, &libraries).map_err(at("rename to", &libraries))?;
    Ok(libraries)
}

/// The logging binding is the small one: its settings are system properties, so no file has to be found.
fn pom_text() -> String {
    format!(
        r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>regulars</groupId>
  <artifactId>broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"#
    )
}
