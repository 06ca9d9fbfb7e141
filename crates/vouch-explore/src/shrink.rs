//! Shrinks a failing sequence by removing and simplifying its parts.

/// Removes halves, quarters, and so on down to single parts, as long as the rest still fails according to `again`. Then parts are
/// replaced by simpler ones. Both repeat until nothing changes, because a replacement can make other parts unnecessary.
pub async fn shrink_parts<T, P: Clone>(
    failed: T,
    parts: impl Fn(&T) -> Vec<P>,
    simpler: impl Fn(&P) -> Option<P>,
    mut again: impl AsyncFnMut(&T, &[P]) -> Option<T>,
) -> T {
    let mut best = failed;
    let mut size = (parts(&best).len() / 2).max(1);
    loop {
        let (mut changed, mut at) = (false, 0);
        while at < parts(&best).len() {
            let all = parts(&best);
            let kept: Vec<P> = all[..at].iter().chain(&all[(at + size).min(all.len())..]).cloned().collect();
            match again(&best, &kept).await.filter(|shorter| parts(shorter).len() < all.len()) {
                Some(shorter) => (best, changed) = (shorter, true),
                None => at += size,
            }
        }
        if size > 1 {
            size /= 2;
            continue;
        }
        for at in 0..parts(&best).len() {
            let mut all = parts(&best);
            let Some(simpler_form) = all.get(at).and_then(&simpler) else { continue };
            all[at] = simpler_form;
            if let Some(as_short) = again(&best, &all).await.filter(|other| parts(other).len() <= all.len()) {
                (best, changed) = (as_short, true);
            }
        }
        // A removed part may have been the only reason for another one, so the loop repeats after a change.
        if !changed {
            return best;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_needed_only_by_something_needless_goes_too() {
        // Fails with a 7; a 5 requires a 3.
        let fails = |parts: &[u32]| parts.contains(&7) && (!parts.contains(&5) || parts.contains(&3));
        let again = async |_: &Vec<u32>, parts: &[u32]| fails(parts).then(|| parts.to_vec());
        let simpler = |_: &u32| None;
        assert_eq!(shrink_parts(vec![1, 3, 2, 5, 4, 7, 6, 8], Vec::clone, simpler, again).await, [7]);
        assert_eq!(shrink_parts(vec![7], Vec::clone, simpler, again).await, [7]);
    }

    #[tokio::test]
    async fn what_is_needed_but_not_as_it_was_becomes_plain() {
        // Fails with a number above 50 and a 9; 90 is simpler than 99, and 0 is simpler than 9.
        let again =
            async |_: &Vec<u32>, parts: &[u32]| matches!(parts, [first, .., 9] if *first > 50).then(|| parts.to_vec());
        let simpler = |part: &u32| Some(part / 10 * 10).filter(|simpler_form| simpler_form != part);
        assert_eq!(shrink_parts(vec![99, 5, 9], Vec::clone, simpler, again).await, [90, 9]);
    }

    #[tokio::test]
    async fn much_is_left_out_at_once() {
        let mut tries = 0;
        let again = async |_: &Vec<u32>, parts: &[u32]| {
            tries += 1;
            parts.contains(&77).then(|| parts.to_vec())
        };
        assert_eq!(shrink_parts((0..128).collect(), Vec::clone, |_| None, again).await, [77]);
        assert!(tries < 30, "{tries}");
    }

    #[tokio::test]
    async fn what_does_not_become_shorter_ends() {
        let (mut tries, whole) = (0, vec![1, 2, 3]);
        let again = async |_: &Vec<u32>, _: &[u32]| {
            tries += 1;
            (tries < 1000).then(|| vec![1, 2, 3])
        };
        assert_eq!(shrink_parts(whole.clone(), Vec::clone, |_| None, again).await, whole);
        assert!(tries < 10, "{tries}");
    }
}
