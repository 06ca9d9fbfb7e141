//! The suggest valid word for a misspelt one.

/// Longer words, in bytes, are like no other: the distance takes memory for each pair of characters.
const MAX_WORD: usize = 100;

/// The candidate most like `word`, if any is like it at all.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_WORD {
        return None;
    }
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_WORD)
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(word.len().min(candidate.len()) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean …?", or, when nothing is near, the words that are valid here.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(found) = suggest(word, candidates.clone()) {
        return format!("did you mean `{found}`?");
    }
    let words: Vec<_> = candidates.into_iter().map(|c| format!("`{c}`")).collect();
    if words.is_empty() { "nothing is valid here".into() } else { format!("valid here: {}", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        assert_eq!(suggest("singIn", ["signIn", "signOut"]), Some("signIn"));
        assert_eq!(suggest("relanch", ["launch", "relaunch"]), Some("relaunch"));
    }

    #[test]
    fn a_foreign_word_finds_none_and_lists_what_is_valid() {
        assert_eq!(suggest("banana", ["signIn", "signOut"]), None);
        assert_eq!(did_you_mean("banana", ["us", "eu"]), "valid here: `us`, `eu`");
    }
}
