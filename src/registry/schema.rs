//! One schema: what is asked, and put together.

use std::collections::HashSet;

use bridge_schema::{Kind, Reference, SchemaId, Source};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::client::{Client, RegistryError};

/// Schemas that one refers to, and those to others, at most.
const REFERENCES: usize = 100;
/// How far they refer to each other.
pub(super) const DEPTH: usize = 20;

/// What Confluent's API says of a schema.
#[derive(Deserialize)]
struct SchemaResponse {
    schema: String,
    #[serde(rename = "schemaType")]
    kind: Option<String>,
    #[serde(default)]
    references: Vec<SchemaReference>,
}

#[derive(Deserialize)]
struct SchemaReference {
    name: String,
    subject: String,
    version: i64,
}

impl Client {
    /// The schema with that id, with all that it refers to.
    pub async fn fetch(&self, id: SchemaId) -> Result<Source, RegistryError> {
        let path = match id {
            SchemaId::Id(id) => format!("/schemas/ids/{id}"),
            SchemaId::Guid(_) => {
                format!("/schemas/guids/{}", id.to_string().trim_start_matches("guid "))
            }
            SchemaId::GlobalId(id) => return self.fetch_apicurio("globalIds", id).await,
            SchemaId::ContentId(id) => return self.fetch_apicurio("contentIds", id).await,
        };
        let said: SchemaResponse = self.get(&path).await?;
        let kind = kind(said.kind.as_deref().unwrap_or("AVRO"))?;
        let mut gathered = GatheredSchemas::default();
        self.gather(said.references, &mut gathered, DEPTH).await?;
        Ok(Source { kind, text: said.schema, references: gathered.references })
    }

    /// Those that are referred to, each behind what it refers to itself.
    async fn gather(
        &self,
        refers: Vec<SchemaReference>,
        gathered: &mut GatheredSchemas,
        depth: usize,
    ) -> Result<(), RegistryError> {
        for SchemaReference { name, subject, version } in refers {
            // What was met is there, or is under way: one that refers to itself is found when it is compiled.
            if !gathered.met.insert(name.clone()) {
                continue;
            }
            gathered.is_bounded(depth)?;
            let subject = utf8_percent_encode(&subject, NON_ALPHANUMERIC);
            // One that was deleted since is still what the schema was registered with.
            let path = format!("/subjects/{subject}/versions/{version}?deleted=true");
            let said: SchemaResponse = self.get(&path).await?;
            Box::pin(self.gather(said.references, gathered, depth - 1)).await?;
            gathered.references.push(Reference { name, text: said.schema });
        }
        Ok(())
    }
}

/// What a schema refers to, as far as it is known.
#[derive(Default)]
pub(super) struct GatheredSchemas {
    pub(super) met: HashSet<String>,
    pub(super) references: Vec<Reference>,
}

impl GatheredSchemas {
    /// Whether it is as much as anyone writes, with `depth` that is left.
    pub(super) fn is_bounded(&self, depth: usize) -> Result<(), RegistryError> {
        if self.met.len() <= REFERENCES && depth > 0 {
            return Ok(());
        }
        let why = format!("it refers to more than {REFERENCES} schemas, or {DEPTH} deep");
        Err(RegistryError::Unusable(why))
    }
}

/// What a registry calls it.
pub(super) fn kind(said: &str) -> Result<Kind, RegistryError> {
    match said {
        "AVRO" => Ok(Kind::Avro),
        "PROTOBUF" => Ok(Kind::Protobuf),
        "JSON" => Ok(Kind::Json),
        other => Err(RegistryError::Unusable(format!(
            "it is of type `{}`, not Avro, Protobuf or JSON Schema",
            other.escape_default().take(40).collect::<String>()
        ))),
    }
}
