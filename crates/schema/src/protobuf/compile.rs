//! From the text of a schema, and of all it imports, to descriptors.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::FileDescriptor;
use prost_reflect::prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use protox::Compiler;
use protox::file::{File, FileResolver, GoogleFileResolver};

use super::confluent;
use crate::schema::{Malformed, Source};
use crate::unreadable::brief;

/// What the schema itself is called: registries give it no path.
const MAIN: &str = "schema of the registry";

/// How deep brackets may be nested. Whatever the compiler does with them is bounded so.
const DEPTH: usize = 256;

pub(super) fn file(source: &Source) -> Result<FileDescriptor, Malformed> {
    let mut texts = HashMap::new();
    for reference in &source.references {
        bounded(&reference.text)?;
        texts.insert(reference.name.clone(), reference.text.clone());
    }
    bounded(&source.text)?;
    texts.insert(MAIN.to_owned(), source.text.clone());
    let mut compiler = Compiler::with_file_resolver(Registry { texts });
    compiler.include_imports(true);
    compiler.open_file(MAIN).map_err(|error| invalid(&error))?;
    let pool = compiler.descriptor_pool();
    Ok(pool.get_file_by_name(MAIN).expect("a file that was compiled is in the pool"))
}

fn invalid(error: &protox::Error) -> Malformed {
    let place = match error.file() {
        None | Some(MAIN) => "the schema".to_owned(),
        Some(name) => format!("reference `{name}`"),
    };
    Malformed::Invalid { place: brief(place), reason: brief(error.to_string()) }
}

/// Counts in comments and texts too, which is more than there is, never less.
fn bounded(text: &str) -> Result<(), Malformed> {
    let mut depth = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' | b'(' | b'<' => depth += 1,
            b'}' | b']' | b')' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return Err(Malformed::Nesting);
        }
    }
    Ok(())
}

/// Where imports come from: Google's own, what the schema refers to, what Confluent's registry has built in.
struct Registry {
    texts: HashMap<String, String>,
}

impl FileResolver for Registry {
    fn resolve_path(&self, path: &std::path::Path) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if let Ok(file) = GoogleFileResolver::new().open_file(name) {
            return Ok(file);
        }
        let text = self.texts.get(name).map(String::as_str).or_else(|| confluent::file(name));
        let text = text.ok_or_else(|| protox::Error::file_not_found(name))?;
        match serialized(text) {
            Some(file) => Ok(File::from_file_descriptor_proto(FileDescriptorProto {
                name: Some(name.to_owned()),
                ..file
            })),
            None => File::from_source(name, text),
        }
    }
}

/// What some clients register: not the text, but its descriptor in base64. No text of a schema is base64.
fn serialized(text: &str) -> Option<FileDescriptorProto> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    FileDescriptorProto::decode(bytes.as_slice()).ok()
}
