//! Schemas, as the core knows them: by a reference, without knowing what they are.

use bridge_core::step::Reference;
use bridge_schema::{Schema, SchemaId};

/// A schema that was fetched, or why values that were written with it can never be read.
pub type Fetched = Result<Schema, String>;

const ID: u8 = 0;
const GUID: u8 = 1;
const GLOBAL: u8 = 2;
const CONTENT: u8 = 3;

/// A schema of the registry with that number.
pub fn reference(registry: u32, id: SchemaId) -> Reference {
    let number = |number: i64| {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        id
    };
    let (sort, id) = match id {
        SchemaId::Id(id) => (ID, number(id.into())),
        SchemaId::Guid(id) => (GUID, id),
        SchemaId::GlobalId(id) => (GLOBAL, number(id)),
        SchemaId::ContentId(id) => (CONTENT, number(id)),
    };
    Reference { place: registry, sort, id }
}

/// The number of the registry, and what the schema is called there; `None` is nothing that was made by [`reference()`].
pub fn schema_id(reference: &Reference) -> Option<(u32, SchemaId)> {
    let number = i64::from_be_bytes(*reference.id.first_chunk()?);
    let id = match reference.sort {
        ID => SchemaId::Id(u32::try_from(number).ok()?),
        GUID => SchemaId::Guid(reference.id),
        GLOBAL => SchemaId::GlobalId(number),
        CONTENT => SchemaId::ContentId(number),
        _ => return None,
    };
    Some((reference.place, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_says_which_schema_it_is() {
        let ids = [
            SchemaId::Id(0),
            SchemaId::Id(u32::MAX),
            SchemaId::Guid([7; 16]),
            SchemaId::GlobalId(-1),
            SchemaId::GlobalId(1 << 40),
            SchemaId::ContentId(1 << 40),
        ];
        let references = ids.map(|id| reference(3, id));
        for (at, (id, one)) in ids.iter().zip(&references).enumerate() {
            assert_eq!(schema_id(one), Some((3, *id)));
            assert!(!references[..at].contains(one), "{id}");
            assert_ne!(*one, reference(4, *id));
        }
    }
}
