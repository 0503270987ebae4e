//! `XML`: read into objects, and written from them. An element with text alone is the text; attributes are members with `@` before
//! their names, text beside others is `#text`, and what stands there several times is an array.

use std::fmt::Write;

use kernel::{Document, Value};
use roxmltree::{Node, ParsingOptions};
use serde_json::json;

use crate::{Failure, expressions::text_of, params::Params};

/// What comes before the root.
const PROLOG: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
/// How deep elements may lie in one another.
const DEPTH: usize = 64;
/// Nodes of one document.
const NODES: u32 = 50_000;

pub(super) fn parse(params: Params<'_>) -> Result<Value, Failure> {
    let text = params.required("xml")?;
    // Documents that define entities are not read.
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, ..ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(text.trim_start(), options)
        .map_err(|error| Failure::new("INVALID_XML", format!("The text is not XML: {error}.")))?;
    let root = document.root_element();
    let mut object = Document::new();
    object.insert(name(root), value(root, 0)?);
    Ok(json!({"object": object}))
}

pub(super) fn serialize(params: Params<'_>) -> Result<Value, Failure> {
    Ok(json!({"xml": written(&params.object("object")?)?}))
}

/// A document with these elements.
pub(super) fn written(object: &Document) -> Result<String, Failure> {
    let mut xml = PROLOG.to_owned();
    for (name, value) in object {
        write(&mut xml, name, value, 0)?;
    }
    Ok(xml)
}

/// The name as it is written, with its prefix.
fn name(node: Node<'_, '_>) -> String {
    let tag = node.tag_name();
    let prefix = tag.namespace().and_then(|space| node.lookup_prefix(space)).filter(|prefix| !prefix.is_empty());
    prefix.map_or_else(|| tag.name().to_owned(), |prefix| format!("{prefix}:{}", tag.name()))
}

fn value(node: Node<'_, '_>, depth: usize) -> Result<Value, Failure> {
    if depth > DEPTH {
        return Err(Failure::new("INVALID_XML", "The elements lie too deep in one another."));
    }
    let mut members = Document::new();
    for attribute in node.attributes() {
        members.insert(format!("@{}", attribute.name()), attribute.value().into());
    }
    for child in node.children().filter(Node::is_element) {
        let (name, value) = (name(child), value(child, depth + 1)?);
        match members.get_mut(&name) {
            Some(Value::Array(several)) => several.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
            None => {
                members.insert(name, value);
            }
        }
    }
    let text: String = node.children().filter(Node::is_text).filter_map(|text| text.text()).collect();
    if members.is_empty() {
        return Ok(text.into());
    }
    if !text.trim().is_empty() {
        members.insert("#text".into(), text.trim().into());
    }
    Ok(members.into())
}

fn write(xml: &mut String, name: &str, value: &Value, depth: usize) -> Result<(), Failure> {
    let is_name = |name: &str| {
        name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
            && name.chars().all(|letter| letter.is_alphanumeric() || "_-.:".contains(letter))
    };
    if depth > DEPTH || !is_name(name) {
        let shown: String = name.chars().take(50).collect();
        return Err(Failure::new("INVALID_XML", format!("\"{shown}\" cannot be an element here.")));
    }
    let fits = "writing to a string does not fail";
    match value {
        Value::Array(several) => {
            for one in several {
                write(xml, name, one, depth + 1)?;
            }
        }
        Value::Object(members) => {
            write!(xml, "<{name}").expect(fits);
            let attributes = members.iter().filter_map(|(name, value)| Some((name.strip_prefix('@')?, value)));
            for (attribute, value) in attributes {
                if !is_name(attribute) {
                    return Err(Failure::new("INVALID_XML", "The name of an attribute is not one."));
                }
                write!(xml, " {attribute}=\"{}\"", escaped(&text_of(value))).expect(fits);
            }
            xml.push('>');
            for (name, value) in members {
                if name == "#text" {
                    xml.push_str(&escaped(&text_of(value)));
                } else if !name.starts_with('@') {
                    write(xml, name, value, depth + 1)?;
                }
            }
            write!(xml, "</{name}>").expect(fits);
        }
        plain => write!(xml, "<{name}>{}</{name}>", escaped(&text_of(plain))).expect(fits),
    }
    Ok(())
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 has no other control characters, not even escaped.
            letter if letter.is_control() && !matches!(letter, '\n' | '\r' | '\t') => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use kernel::object;

    use super::*;

    fn read(xml: &str) -> Result<Value, Failure> {
        parse(Params(&object(json!({"xml": xml})))).map(|output| output["object"].clone())
    }

    #[test]
    fn xml_is_read_and_written() {
        let value = json!({"order": {"@id": "7", "item": ["a & b", {"@n": "2", "#text": "c"}], "empty": ""}});
        let xml = written(value.as_object().unwrap()).unwrap();
        let body = "<order id=\"7\"><item>a &amp; b</item><item n=\"2\">c</item><empty></empty></order>";
        assert_eq!(xml, format!("{PROLOG}{body}"));
        assert_eq!(read(&xml).unwrap(), value);
    }

    #[test]
    fn hostile_xml_is_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY a \"x\"><!ENTITY b \"&a;&a;\">]><a>&b;</a>";
        assert_eq!(read(bomb).unwrap_err().code, "INVALID_XML");
        assert_eq!(read(&format!("{}{}", "<a>".repeat(100), "</a>".repeat(100))).unwrap_err().code, "INVALID_XML");
        assert_eq!(read("<a>").unwrap_err().code, "INVALID_XML");
        assert!(
            written(&object(json!({"a><evil": 1}))).is_err() && written(&object(json!({"a": {"@x y": 1}}))).is_err()
        );
    }
}
