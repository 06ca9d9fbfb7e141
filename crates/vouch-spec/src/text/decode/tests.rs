use super::*;

#[derive(Deserialize, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kennel {
    city: Option<String>,
    dogs: Vec<Dog>,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Dog {
    name: Spanned<String>,
    coat: Coat,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Coat {
    Smooth,
    Long { centimetres: u32 },
}

fn decode(text: &str) -> (Option<Kennel>, Vec<Diagnostic>) {
    let source = Source::new("k.yaml", text);
    let (node, _) = crate::text::yaml::parse(&source);
    let decoder = Decoder::new(&source);
    let value = decoder.decode(&node.expect("YAML"));
    (value, decoder.finish())
}

#[test]
fn a_right_file_becomes_its_value_with_spans() {
    let (kennel, diagnostics) =
        decode("dogs:\n  - {name: Rex, coat: smooth}\n  - {name: Bo, coat: {long: {centimetres: 9}}}\n");
    let kennel = kennel.unwrap();
    assert!(diagnostics.is_empty());
    assert_eq!(kennel.dogs[0].name.span, Span { start: 17, end: 20 });
    assert_eq!(kennel.dogs[1].coat, Coat::Long { centimetres: 9 });
}

#[test]
fn mistakes_in_several_places_are_told_together() {
    let (kennel, diagnostics) = decode("cty: Graz\ndogs:\n  - {name: Rex, coat: smoth}\n");
    assert!(kennel.is_none());
    let told: Vec<_> = diagnostics.iter().map(|p| (p.place(), p.help.clone().unwrap_or_default())).collect();
    assert_eq!(
        told,
        [
            ("k.yaml:1:1".to_owned(), "did you mean `city`?".to_owned()),
            ("k.yaml:3:23".to_owned(), "did you mean `smooth`?".to_owned()),
        ]
    );
}

#[test]
fn a_wrong_type_names_what_was_expected_and_found() {
    let (_, diagnostics) = decode("dogs: 5\n");
    assert_eq!(diagnostics[0].message, "expected a list, found a number");
    assert_eq!(diagnostics[0].place(), "k.yaml:1:7");
}

#[test]
fn a_missing_field_points_at_its_map() {
    let (_, diagnostics) = decode("dogs:\n  - {name: Rex}\n");
    assert_eq!(diagnostics[0].message, "missing field `coat`");
    assert_eq!(diagnostics[0].place(), "k.yaml:2:6");
}
