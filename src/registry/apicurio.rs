//! Apicurio's own API, which has its own ids: the text of a schema alone, and beside it what it refers to.

use bridge_schema::{Kind, Reference, Source};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::client::{Client, RegistryError, RegistryResponse, read_json};
use super::schema::{DEPTH, GatheredSchemas, kind};

#[derive(Deserialize)]
struct ArtifactReference {
    #[serde(rename = "groupId")]
    group: Option<String>,
    #[serde(rename = "artifactId")]
    artifact: String,
    version: Option<String>,
    name: String,
}

/// What is found by an id.
#[derive(Deserialize)]
struct FoundArtifacts {
    artifacts: Vec<Artifact>,
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(rename = "type")]
    kind: String,
}

impl Client {
    /// The schema with that id among `ids`: `globalIds` or `contentIds`.
    pub(super) async fn fetch_apicurio(&self, ids: &str, id: i64) -> Result<Source, RegistryError> {
        let path = format!("/ids/{ids}/{id}");
        let answer = self.get_apicurio(&path).await?;
        let mut gathered = GatheredSchemas::default();
        // Before the text is believed: only Apicurio answers this.
        self.gather_apicurio(&path, &mut gathered, DEPTH).await?;
        let said = answer.kind.clone();
        let source = text(answer)?;
        let kind = match said.is_empty() {
            false => kind(&said)?,
            true => match self.found(ids, id).await? {
                Some(said) => kind(&said)?,
                None => guessed(&source),
            },
        };
        Ok(Source { kind, text: source, references: gathered.references })
    }

    /// What is referred to by the schema at `path`, each behind what it refers to itself.
    async fn gather_apicurio(
        &self,
        path: &str,
        gathered: &mut GatheredSchemas,
        depth: usize,
    ) -> Result<(), RegistryError> {
        let answer = self.get_apicurio(&format!("{path}/references")).await?;
        for ArtifactReference { group, artifact, version, name } in
            read_json::<Vec<ArtifactReference>>(&answer)?
        {
            if !gathered.met.insert(name.clone()) {
                continue;
            }
            gathered.is_bounded(depth)?;
            let part = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let group = part(group.as_deref().unwrap_or("default"));
            let version = part(version.as_deref().unwrap_or("1"));
            let artifact = part(&artifact);
            let path = format!("/groups/{group}/artifacts/{artifact}/versions/{version}");
            let answer = self.get_apicurio(&path).await?;
            Box::pin(self.gather_apicurio(&path, gathered, depth - 1)).await?;
            gathered.references.push(Reference { name, text: text(answer)? });
        }
        Ok(())
    }

    /// The kind of the artifacts with that id, where they agree: Apicurio 2 does not say it beside the text.
    async fn found(&self, ids: &str, id: i64) -> Result<Option<String>, RegistryError> {
        let key = ids.trim_end_matches('s');
        let answer = self.get_apicurio(&format!("/search/artifacts?{key}={id}")).await?;
        let mut kinds =
            read_json::<FoundArtifacts>(&answer)?.artifacts.into_iter().map(|it| it.kind);
        let first = kinds.next();
        Ok(first.filter(|first| kinds.all(|kind| kind == *first)))
    }
}

fn text(answer: RegistryResponse) -> Result<String, RegistryError> {
    let RegistryResponse { url, body, .. } = answer;
    let failed = |_| RegistryError::Unusable(format!("{url}: the schema is not UTF-8"));
    String::from_utf8(body).map_err(failed)
}

/// Of a text alone, of which nobody says what it is.
fn guessed(text: &str) -> Kind {
    match serde_json::from_str::<serde_json::Value>(text) {
        Err(_) => Kind::Protobuf,
        Ok(json) => {
            let of_json = ["$schema", "$id", "$ref", "properties", "$defs", "definitions"];
            let is_json = of_json.iter().any(|key| json.get(key).is_some());
            if is_json { Kind::Json } else { Kind::Avro }
        }
    }
}
