//! What is served, compared with the checked-in lists.

use expect_test::expect_file;

use crate::{Services, areas};

fn claims() -> rest::Claims {
    rest::Claims::of(areas(&Services::for_listing()))
}

/// `contract/gaps.txt` names what is not served yet. It may only shrink; `UPDATE_EXPECT=1` writes it anew.
#[test]
fn every_operation_is_claimed_once_or_a_known_gap() {
    let mut text = claims().gaps().join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    expect_file!["../../../contract/gaps.txt"].assert_eq(&text);
}

/// `contract/operations.txt` is the API on a few screens; `UPDATE_EXPECT=1` writes it anew.
#[test]
fn the_listing_of_operations_is_up_to_date() {
    expect_file!["../../../contract/operations.txt"].assert_eq(&(claims().operations().join("\n") + "\n"));
}
