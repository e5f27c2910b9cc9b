//! The demo by way of a real broker: topics made, the year loaded, the service run to the end of it.

use std::fs;
use std::path::Path;

use super::{PROGRAMME, UNTIL, regulars};
use crate::broker::Broker;
use crate::failure::{Result, at};
use crate::places::Places;
use crate::step;

pub(super) fn run(places: &Places, folder: &Path, events: &Path, bootstrap: Option<&str>) -> Result<()> {
    // Held to the end: the broker goes when this does.
    let (_broker, bootstrap) = match bootstrap {
        Some(bootstrap) => (None, bootstrap.to_owned()),
        None => {
            let broker = Broker::start(places)?;
            let bootstrap = broker.bootstrap();
            (Some(broker), bootstrap)
        }
    };
    let config = folder.join("regulars.toml");
    fs::write(&config, config_text(&places.root, folder, &bootstrap)).map_err(at("write", &config))?;
    let with_config = |command: &str| {
        let mut command = regulars(places, command);
        command.arg("--config").arg(&config);
        command
    };
    step::run_attached("create the topics", regulars(places, "topics").arg("create").arg("--config").arg(&config))?;
    step::run_attached("load the year into Kafka", with_config("load").arg("--input").arg(events))?;
    step::run_attached("run to the end of the year", with_config("run").args(["--until", UNTIL]))?;
    Ok(())
}

/// What differs from the defaults. A name of its own per run, so that a broker which has seen an earlier demo hands out the
/// topics from their beginning, and any free port for HTTP.
fn config_text(root: &Path, folder: &Path, bootstrap: &str) -> String {
    let run = folder.file_name().expect("a run's folder has a name").to_string_lossy();
    let (programme, data) = (root.join(PROGRAMME), folder.join("data"));
    let (programme, data) = (programme.display(), data.display());
    format!(
        "\
programme = '{programme}'
data = '{data}'

[kafka]
bootstrap = '{bootstrap}'
application_id = 'regulars-demo-{run}'
instance_id = 'demo'

[http]
listen = '127.0.0.1:0'
"
    )
}
