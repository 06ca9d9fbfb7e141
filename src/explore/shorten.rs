//! The shortest form of something that fails, found by leaving parts out.

/// Leaves out halves, quarters, and so on down to single parts, as long as `again` says that it still fails; single parts
/// until none can be spared.
pub async fn shorten<T, P: Clone>(
    failed: T,
    parts: impl Fn(&T) -> Vec<P>,
    mut again: impl AsyncFnMut(&T, &[P]) -> Option<T>,
) -> T {
    let mut best = failed;
    let mut size = (parts(&best).len() / 2).max(1);
    loop {
        let (before, mut at) = (parts(&best).len(), 0);
        while at < parts(&best).len() {
            let all = parts(&best);
            let kept: Vec<P> = all[..at].iter().chain(&all[(at + size).min(all.len())..]).cloned().collect();
            match again(&best, &kept).await.filter(|shorter| parts(shorter).len() < all.len()) {
                Some(shorter) => best = shorter,
                None => at += size,
            }
        }
        // What one part was needed for may have been left out after it.
        match size {
            1 if parts(&best).len() == before => return best,
            1 => {}
            _ => size /= 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_needed_only_by_something_needless_goes_too() {
        // It fails with a 7; a 3 is wanted only while there is a 5.
        let fails = |parts: &[u32]| parts.contains(&7) && (!parts.contains(&5) || parts.contains(&3));
        let again = async |_: &Vec<u32>, parts: &[u32]| fails(parts).then(|| parts.to_vec());
        assert_eq!(shorten(vec![1, 3, 2, 5, 4, 7, 6, 8], Vec::clone, again).await, [7]);
        assert_eq!(shorten(vec![7], Vec::clone, again).await, [7]);
    }
}
