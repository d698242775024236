//! One schema: what is asked, and put together.

use std::collections::HashSet;

use bridge_schema::{Kind, Reference, SchemaId, Source};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::client::{Client, Failure};

/// Schemas that one refers to, and those to others, at most.
const REFERENCES: usize = 100;
/// How far they refer to each other.
const DEPTH: usize = 20;

/// What Confluent's API says of a schema.
#[derive(Deserialize)]
struct Said {
    schema: String,
    #[serde(rename = "schemaType")]
    kind: Option<String>,
    #[serde(default)]
    references: Vec<Refers>,
}

#[derive(Deserialize)]
struct Refers {
    name: String,
    subject: String,
    version: i64,
}

impl Client {
    /// The schema with that id, with all that it refers to.
    pub async fn fetch(&self, id: SchemaId) -> Result<Source, Failure> {
        let path = match id {
            SchemaId::Id(id) => format!("/schemas/ids/{id}"),
            SchemaId::Guid(_) => {
                format!("/schemas/guids/{}", id.to_string().trim_start_matches("guid "))
            }
            SchemaId::GlobalId(id) => return self.fetch_apicurio("globalIds", id).await,
            SchemaId::ContentId(id) => return self.fetch_apicurio("contentIds", id).await,
        };
        let said: Said = self.get(&path).await?;
        let kind = kind(said.kind.as_deref().unwrap_or("AVRO"))?;
        let mut gathered = Gathered::default();
        self.gather(said.references, &mut gathered, DEPTH).await?;
        Ok(Source { kind, text: said.schema, references: gathered.references })
    }

    /// Those that are referred to, each behind what it refers to itself.
    async fn gather(
        &self,
        refers: Vec<Refers>,
        gathered: &mut Gathered,
        depth: usize,
    ) -> Result<(), Failure> {
        for Refers { name, subject, version } in refers {
            // What was met is there, or is under way: one that refers to itself is found when it is compiled.
            if !gathered.met.insert(name.clone()) {
                continue;
            }
            if gathered.met.len() > REFERENCES || depth == 0 {
                let why = format!("it refers to more than {REFERENCES} schemas, or {DEPTH} deep");
                return Err(Failure::Unusable(why));
            }
            let subject = utf8_percent_encode(&subject, NON_ALPHANUMERIC);
            let said: Said = self.get(&format!("/subjects/{subject}/versions/{version}")).await?;
            Box::pin(self.gather(said.references, gathered, depth - 1)).await?;
            gathered.references.push(Reference { name, text: said.schema });
        }
        Ok(())
    }

    /// By Apicurio's own API, which has the text alone, and its references beside.
    async fn fetch_apicurio(&self, ids: &str, id: i64) -> Result<Source, Failure> {
        #[derive(Deserialize)]
        struct Refers {
            #[serde(rename = "groupId")]
            group: Option<String>,
            #[serde(rename = "artifactId")]
            artifact: String,
            version: Option<String>,
            name: String,
        }
        let text = |body: Vec<u8>| {
            String::from_utf8(body).map_err(|_| Failure::Unusable("it is not UTF-8".to_owned()))
        };
        let (said, body) = self.get_apicurio(&format!("/ids/{ids}/{id}")).await?;
        let source = text(body)?;
        let kind = if said.is_empty() { guessed(&source) } else { kind(&said)? };
        let mut references = Vec::new();
        let mut met = HashSet::new();
        // The deepest last here, and first in the end.
        let mut open = vec![format!("/ids/{ids}/{id}/references")];
        while let Some(path) = open.pop() {
            let (_, body) = self.get_apicurio(&path).await?;
            let refers: Vec<Refers> = serde_json::from_slice(&body).map_err(|error| {
                Failure::Unusable(format!("its references are not what Apicurio answers: {error}"))
            })?;
            for artifact in refers {
                if !met.insert(artifact.name.clone()) {
                    continue;
                }
                if met.len() > REFERENCES {
                    let why = format!("it refers to more than {REFERENCES} schemas");
                    return Err(Failure::Unusable(why));
                }
                let part = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
                let group = part(artifact.group.as_deref().unwrap_or("default"));
                let version = part(artifact.version.as_deref().unwrap_or("1"));
                let id = part(&artifact.artifact);
                let path = format!("/groups/{group}/artifacts/{id}/versions/{version}");
                let (_, body) = self.get_apicurio(&path).await?;
                references.push(Reference { name: artifact.name, text: text(body)? });
                open.push(format!("{path}/references"));
            }
        }
        references.reverse();
        Ok(Source { kind, text: source, references })
    }
}

#[derive(Default)]
struct Gathered {
    met: HashSet<String>,
    references: Vec<Reference>,
}

fn kind(said: &str) -> Result<Kind, Failure> {
    match said {
        "AVRO" => Ok(Kind::Avro),
        "PROTOBUF" => Ok(Kind::Protobuf),
        "JSON" => Ok(Kind::Json),
        other => Err(Failure::Unusable(format!(
            "it is of type `{}`, and can be Avro, Protobuf or JSON Schema",
            other.escape_default().take(40).collect::<String>()
        ))),
    }
}

/// Of a text alone: Apicurio 2 does not say what it is when it is asked by id.
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
