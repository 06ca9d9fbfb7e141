//! The shortest form of something that fails, found by leaving parts out.

/// Leaves out halves, quarters, and so on down to single parts, as long as `again` says that it still fails.
pub async fn shorten<T, P: Clone>(
    failed: T,
    parts: impl Fn(&T) -> Vec<P>,
    mut again: impl AsyncFnMut(&T, &[P]) -> Option<T>,
) -> T {
    let mut best = failed;
    let mut size = (parts(&best).len() / 2).max(1);
    while size >= 1 {
        let mut at = 0;
        while at < parts(&best).len() {
            let all = parts(&best);
            let kept: Vec<P> = all[..at].iter().chain(&all[(at + size).min(all.len())..]).cloned().collect();
            match again(&best, &kept).await.filter(|shorter| parts(shorter).len() < all.len()) {
                Some(shorter) => best = shorter,
                None => at += size,
            }
        }
        size /= 2;
    }
    best
}
