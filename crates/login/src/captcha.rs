//! A puzzle of our own: a picture of letters and digits, drawn as strokes, and a question for those who cannot see it.
//! It keeps simple programs out; whoever wants more asks a provider.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::{Context, id};

use model::login::Puzzle;

use crate::texts::Texts;

/// Characters that do not look like others.
const CHARACTERS: &[u8] = b"ACEFHJKLMNPRTUVWXY3479";
const LENGTH: usize = 6;
const WIDTH: usize = 150;
const HEIGHT: usize = 50;

/// The strokes of each character, on a grid of 4 by 6: points `xy`, strokes apart by blanks.
const STROKES: &[(u8, &str)] = &[
    (b'A', "062046 1434"),
    (b'C', "403011051646"),
    (b'E', "40000646 0333"),
    (b'F', "400006 0333"),
    (b'H', "0006 4046 0343"),
    (b'J', "404535160504"),
    (b'K', "0006 400346"),
    (b'L', "000646"),
    (b'M', "0600234046"),
    (b'N', "06004640"),
    (b'P', "06003041423303"),
    (b'R', "06003041423303 2346"),
    (b'T', "0040 2026"),
    (b'U', "000516364540"),
    (b'V', "002640"),
    (b'W', "0016233640"),
    (b'X', "0046 4006"),
    (b'Y', "002340 2326"),
    (b'3', "00403244351605"),
    (b'4', "30044434 3036"),
    (b'7', "004016"),
    (b'9', "433213021130414546"),
];

/// A puzzle as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Captcha {
    pub(crate) image: String,
    pub(crate) question: String,
}

/// A new puzzle, and how it is shown with these texts.
pub(crate) fn of(context: &Context, texts: &Texts) -> (Puzzle, Captcha) {
    make(context, |a, b| texts.clone().with("a", a.to_string()).with("b", b.to_string()).own("captcha", "question"))
}

/// A new puzzle, and how it is shown. `question` asks for the sum of `${a}` and `${b}`.
fn make(context: &Context, question: impl FnOnce(u8, u8) -> String) -> (Puzzle, Captcha) {
    let code = context.text(CHARACTERS, LENGTH);
    let [a, b] = context.bytes::<2>().map(|byte| 2 + byte % 18);
    let solution = format!("{code}|{}", u16::from(a) + u16::from(b));
    let image = format!("data:image/svg+xml;base64,{}", STANDARD.encode(draw(context, &code)));
    let puzzle = Puzzle { id: context.text(id::BASE64URL, 22), solution };
    (puzzle, Captcha { image, question: question(a, b) })
}

/// Whether what was entered, without any blanks, solves a puzzle.
pub(crate) fn is_solved(puzzle: &Puzzle, entered: &str) -> bool {
    puzzle.solution.split('|').any(|solution| solution.eq_ignore_ascii_case(entered))
}

/// The picture: every point is moved a little, so that no two pictures of a character are equal; lines cross it.
fn draw(context: &Context, code: &str) -> String {
    let mut noise = context.bytes::<512>().into_iter().cycle();
    let mut shift = |most: i32| i32::from(noise.next().unwrap_or_default()) % (2 * most + 1) - most;
    let mut paths = String::new();
    for (place, character) in code.bytes().enumerate() {
        let strokes = STROKES.iter().find(|(known, _)| *known == character).map_or("", |(_, strokes)| strokes);
        let left = 12 + i32::try_from(place).unwrap_or_default() * 22 + shift(2);
        let top = 11 + shift(4);
        for stroke in strokes.split(' ') {
            for (index, point) in stroke.as_bytes().chunks(2).enumerate() {
                let [x, y] = [point[0], point[1]].map(|digit| i32::from(digit - b'0'));
                let command = if index == 0 { "M" } else { "L" };
                let (x, y) = (left + x * 4 + shift(1), top + y * 5 + shift(1));
                paths.extend([command, &x.to_string(), " ", &y.to_string()]);
            }
        }
    }
    for _ in 0..4 {
        let [a, b, c, d] = [10 + shift(10), 25 + shift(20), 140 + shift(10), 25 + shift(20)];
        let line = format!("M{a} {b}L{c} {d}");
        paths.push_str(&line);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\">\
         <path fill=\"none\" stroke=\"#333\" stroke-width=\"2\" d=\"{paths}\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kernel::{SeededRandom, SystemClock};

    use super::*;

    #[test]
    fn every_character_can_be_drawn() {
        for character in CHARACTERS {
            let strokes = STROKES.iter().find(|(known, _)| known == character).map(|(_, strokes)| *strokes);
            let strokes = strokes.unwrap_or_else(|| panic!("{}", char::from(*character)));
            assert!(strokes.split(' ').all(|stroke| stroke.len() % 2 == 0), "{strokes}");
        }
    }

    #[test]
    fn a_puzzle_has_two_solutions() {
        let context = Context::new(Arc::new(SystemClock), Arc::new(SeededRandom::new(7)));
        let (puzzle, shown) = make(&context, |a, b| format!("{a}+{b}"));
        let (code, sum) = puzzle.solution.split_once('|').unwrap();
        assert_eq!(code.len(), LENGTH);
        let terms: Vec<u16> = shown.question.split('+').map(|term| term.parse().unwrap()).collect();
        assert_eq!(sum, terms.iter().sum::<u16>().to_string());
        assert!(!shown.image.contains(code));
    }
}
