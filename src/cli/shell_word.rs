//! Words of a shell, for commands that a user copies.

/// A word as a shell reads it.
pub fn shell_word(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+:@".contains(character);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_quotes_or_spaces_is_quoted() {
        assert_eq!(shell_word("a/vouch.toml"), "a/vouch.toml");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }
}
