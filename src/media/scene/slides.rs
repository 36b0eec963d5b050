//! Slides: a title, lines of text or a chart, and another page after a while.

use super::canvas::{Canvas, Ink};
use crate::media::chance::Chance;

/// Pages before the first comes again.
const PAGES: u64 = 12;

/// A deck of slides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slides {
    seed: u64,
    every: u32,
}

impl Slides {
    pub(super) fn new(seed: u64, every: u32) -> Self {
        Self { seed, every: every.max(1) }
    }

    pub(super) fn paint(self, number: u32, canvas: &mut Canvas<'_>) {
        let page = u64::from(number / self.every) % PAGES;
        let mut chance = Chance::new(self.seed * 100 + page);
        let wide = canvas.aspect();
        let (u, v) = (100 + chance.below(70) as u8, 90 + chance.below(80) as u8);
        canvas.rectangle((0.0, 0.0), (wide, 0.17), Ink::plain(70, u, v));
        line(&mut chance, canvas, (0.1, 0.06), 0.06, Ink::plain(225, 128, 128));
        if page % 3 == 2 {
            chart(&mut chance, canvas, Ink::plain(110, u, v));
        } else {
            for row in 0..7 {
                line(&mut chance, canvas, (0.14, 0.25 + row as f32 * 0.1), 0.036, Ink::plain(40, 128, 128));
            }
        }
    }
}

/// Words as blocks of uneven length.
fn line(chance: &mut Chance, canvas: &mut Canvas<'_>, (left, top): (f32, f32), high: f32, ink: Ink) {
    let right = canvas.aspect() * (0.5 + 0.4 * chance.share());
    let mut x = left;
    while x < right {
        let word = high * (0.8 + 2.4 * chance.share());
        let mut stroke = x;
        while stroke < x + word {
            let (dy, thick) = (chance.share() * high * 0.5, high * (0.12 + 0.3 * chance.share()));
            canvas.rectangle((stroke, top + dy), (stroke + thick, top + high), ink);
            stroke += thick + high * 0.14;
        }
        x += word + high * 0.5;
    }
}

fn chart(chance: &mut Chance, canvas: &mut Canvas<'_>, ink: Ink) {
    let step = (canvas.aspect() - 0.4) / 8.0;
    for bar in 0..8 {
        let x = 0.2 + bar as f32 * step;
        canvas.rectangle((x, 0.88 - 0.6 * chance.share()), (x + step * 0.6, 0.88), ink);
    }
    canvas.rectangle((0.16, 0.88), (canvas.aspect() - 0.16, 0.887), Ink::plain(40, 128, 128));
}
