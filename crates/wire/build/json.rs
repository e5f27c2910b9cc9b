//! Which Rust code reads and writes a message in the protobuf JSON mapping.
//!
//! For every message an implementation of `crate::json::Fields`, for every enum one of `crate::json::Names`.
//! Serde's derives were tried on paper and left: they need the slow `flatten` for a `oneof`, cannot count unknown
//! keys without a wrapper that allocates every key, and cannot read `null` as absent or a 64-bit integer from a
//! string without an attribute on nearly every field. What is generated here is one `match` to find a key and one
//! to read it.

use std::fmt::Write;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};

/// Appends the code for all messages and enums of `file`, except messages whose name begins with `skipped_prefix`.
pub(crate) fn generate(file: &FileDescriptorProto, skipped_prefix: &str, code: &mut String) {
    for message in file.message_type.iter().filter(|message| !message.name().starts_with(skipped_prefix)) {
        generate_message(message, code).expect("writing into a string cannot fail");
    }
    assert!(file.enum_type.is_empty(), "enums stand inside their message, so that their values need no prefix");
}

fn generate_message(message: &DescriptorProto, code: &mut String) -> std::fmt::Result {
    let name = message.name();
    assert!(message.nested_type.is_empty(), "message {name}: nested messages are not supported");
    assert!(message.field.len() <= 64, "message {name}: at most 64 fields");
    for nested in &message.enum_type {
        generate_enum(name, nested, code)?;
    }
    let keys = message.field.iter().map(|field| format!("{:?}", field.json_name()));
    writeln!(code, "impl crate::json::Fields for {name} {{")?;
    writeln!(code, "const KEYS: &'static [&'static str] = &[{}];", keys.collect::<Vec<_>>().join(", "))?;

    writeln!(code, "fn index(key: &str) -> Option<usize> {{ Some(match key {{")?;
    for (i, field) in message.field.iter().enumerate() {
        match field.name() == field.json_name() {
            true => writeln!(code, "{:?} => {i},", field.name())?,
            false => writeln!(code, "{:?} | {:?} => {i},", field.json_name(), field.name())?,
        }
    }
    writeln!(code, "_ => return None, }}) }}")?;

    writeln!(code, "fn read<'de, A: serde::de::MapAccess<'de>>(&mut self, index: usize, map: &mut A,")?;
    writeln!(code, " notes: &crate::json::Notes) -> Result<(), A::Error> {{ match index {{")?;
    for (i, field) in message.field.iter().enumerate() {
        writeln!(code, "{i} => {},", read(message, field))?;
    }
    writeln!(code, "_ => unreachable!(\"an index comes from `index`\"), }} Ok(()) }}")?;

    writeln!(code, "fn write<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {{")?;
    for field in &message.field {
        writeln!(code, "{}", write(message, field))?;
    }
    writeln!(code, "Ok(()) }} }}")?;
    writeln!(code, "impl serde::Serialize for {name} {{")?;
    writeln!(code, "fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {{")?;
    writeln!(code, "crate::json::write_message(self, serializer) }} }}")
}

fn generate_enum(message: &str, nested: &EnumDescriptorProto, code: &mut String) -> std::fmt::Result {
    let path = format!("{}::{}", snake(message), nested.name());
    writeln!(code, "impl crate::json::Names for {path} {{")?;
    writeln!(code, "fn number(name: &str) -> Option<i32> {{ {path}::from_str_name(name).map(i32::from) }}")?;
    writeln!(code, "fn name(number: i32) -> Option<&'static str> {{")?;
    writeln!(code, "{path}::try_from(number).ok().map(|value| value.as_str_name()) }} }}")
}

/// The statement that reads one field.
fn read(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let (name, kind) = (field_name(field), kind(field));
    match shape(message, field) {
        Shape::Singular => format!("self.{name} = crate::json::singular::<{kind}, A>(map, notes)?"),
        Shape::Optional => format!("self.{name} = crate::json::optional::<{kind}, A>(map, notes)?"),
        Shape::Repeated => format!("self.{name} = crate::json::repeated::<{kind}, A>(map, notes)?"),
        Shape::OneOf(one_of) => {
            let variant = format!("{}::{}::{}", snake(message.name()), camel(&one_of), camel(field.name()));
            format!(
                "if let Some(value) = crate::json::optional::<{kind}, A>(map, notes)? {{ \
                 if self.{one_of}.is_some() {{ return Err(notes.second_of_one(Self::KEYS[index])); }} \
                 self.{one_of} = Some({variant}(value)); }}"
            )
        }
    }
}

/// The statement that writes one field, unless it is at its default.
fn write(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let (name, key, kind) = (field_name(field), field.json_name(), kind(field));
    match shape(message, field) {
        Shape::Singular => format!("crate::json::write_singular::<{kind}, M>(map, {key:?}, &self.{name})?;"),
        Shape::Optional => {
            format!("crate::json::write_optional::<{kind}, M>(map, {key:?}, self.{name}.as_ref())?;")
        }
        Shape::Repeated => format!("crate::json::write_repeated::<{kind}, M>(map, {key:?}, &self.{name})?;"),
        Shape::OneOf(one_of) => {
            let variant = format!("{}::{}::{}", snake(message.name()), camel(&one_of), camel(field.name()));
            format!(
                "if let Some({variant}(value)) = &self.{one_of} {{ \
                 crate::json::write_optional::<{kind}, M>(map, {key:?}, Some(value))?; }}"
            )
        }
    }
}

/// How often a field may occur, and how its absence looks in Rust.
enum Shape {
    Singular,
    Optional,
    Repeated,
    OneOf(String),
}

fn shape(message: &DescriptorProto, field: &FieldDescriptorProto) -> Shape {
    let is_message = field.r#type() == Type::Message;
    match field.oneof_index {
        _ if field.label() == Label::Repeated => Shape::Repeated,
        Some(index) if !field.proto3_optional() => {
            let index = usize::try_from(index).expect("indices are not negative");
            Shape::OneOf(message.oneof_decl[index].name().to_string())
        }
        _ if is_message || field.proto3_optional() => Shape::Optional,
        _ => Shape::Singular,
    }
}

/// The type of `crate::json::kinds` that knows the JSON form of the field's values.
fn kind(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::String => "crate::json::kinds::Text".to_string(),
        Type::Bool => "crate::json::kinds::Bool".to_string(),
        Type::Double => "crate::json::kinds::Double".to_string(),
        Type::Int32 => "crate::json::kinds::Number<i32>".to_string(),
        Type::Uint32 => "crate::json::kinds::Number<u32>".to_string(),
        Type::Int64 => "crate::json::kinds::LargeNumber<i64>".to_string(),
        Type::Uint64 => "crate::json::kinds::LargeNumber<u64>".to_string(),
        Type::Message if field.type_name() == ".google.protobuf.Timestamp" => {
            "crate::json::kinds::Instant".to_string()
        }
        Type::Message => format!("crate::json::kinds::Message<{}>", local(field).join("::")),
        Type::Enum => match local(field).as_slice() {
            [message, name] => format!("crate::json::kinds::Enum<{}::{name}>", snake(message)),
            other => panic!("enum {other:?} stands inside its message"),
        },
        other => panic!("field {}: the JSON form of {other:?} is not written yet", field.name()),
    }
}

/// The type's name below the package.
fn local(field: &FieldDescriptorProto) -> Vec<&str> {
    let path = field.type_name().strip_prefix(".regulars.v1.").expect("types are of this package");
    path.split('.').collect()
}

fn field_name(field: &FieldDescriptorProto) -> &str {
    let name = field.name();
    assert!(!matches!(name, "type" | "use" | "ref" | "move" | "match" | "where"), "{name} is a word of Rust");
    name
}

fn camel(snake: &str) -> String {
    snake.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn snake(camel: &str) -> String {
    let mut snake = String::new();
    for (i, letter) in camel.char_indices() {
        if letter.is_uppercase() && i > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
