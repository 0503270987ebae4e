//! What is served, compared with the contract and the checked-in list.

use expect_test::expect_file;

use crate::{Services, areas};

fn claims() -> rest::Claims {
    rest::Claims::of(areas(&Services::for_listing()))
}

/// A second claim of an operation is a panic.
#[test]
fn every_operation_is_claimed_once() {
    assert_eq!(claims().gaps(), [""; 0]);
}

/// `contract/operations.txt` is the API on a few screens; `UPDATE_EXPECT=1` writes it anew.
#[test]
fn the_listing_of_operations_is_up_to_date() {
    expect_file!["../../../contract/operations.txt"].assert_eq(&(claims().operations().join("\n") + "\n"));
}
