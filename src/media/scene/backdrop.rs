//! What never moves: a hall with its banner, panelling, window and desk, or white paper.

use super::canvas::{Canvas, Ink, Oval};
use crate::media::chance::Chance;
use crate::media::picture::{Colour, Picture};

/// A still background.
#[derive(Debug, Clone, Copy)]
pub(super) enum Backdrop {
    /// A meeting room.
    Hall {
        /// Colours and proportions.
        seed: u64,
        /// 1 with the lights on.
        light: f32,
    },
    /// A blank slide.
    Paper,
}

/// Walls as (luma, U, V): cream, grey, wood, sage, blue grey.
const WALLS: [(u8, u8, u8); 5] =
    [(168, 118, 136), (150, 128, 128), (128, 112, 146), (150, 122, 122), (140, 134, 122)];

impl Backdrop {
    pub(super) fn hall(seed: u64, light: f32) -> Self {
        Self::Hall { seed, light }
    }

    pub(super) fn paint(self, picture: &mut Picture) {
        match self {
            Self::Paper => picture.fill(Colour::new(230, 128, 128)),
            Self::Hall { seed, light } => {
                hall(seed, &mut Canvas::new(picture));
                dim(picture, light);
            }
        }
    }
}

/// Takes the light away: everything comes nearer to black and grey.
pub(super) fn dimmed(colour: u8, black: f32, light: f32) -> u8 {
    (black + (f32::from(colour) - black) * light).round().clamp(0.0, 255.0) as u8
}

fn dim(picture: &mut Picture, light: f32) {
    for (plane, black) in picture.planes().into_iter().zip([16.0, 128.0, 128.0]) {
        let table: Vec<u8> = (0..=255).map(|colour| dimmed(colour, black, light)).collect();
        plane.iter_mut().for_each(|sample| *sample = table[usize::from(*sample)]);
    }
}

fn hall(seed: u64, canvas: &mut Canvas<'_>) {
    let mut chance = Chance::new(seed);
    let wide = canvas.aspect();
    let (y, u, v) = WALLS[chance.below(WALLS.len())];
    let y = y.saturating_add(chance.below(24) as u8);
    canvas.rectangle((0.0, 0.0), (wide, 1.0), Ink::shaded(y, u, v, 46.0));
    let panel = 0.16 + chance.share() * 0.12;
    let mut x = chance.share() * panel;
    while x < wide {
        canvas.rectangle((x, 0.14), (x + 0.006, 0.92), Ink::plain(y - 26, u, v));
        canvas.rectangle((x + 0.006, 0.14), (x + 0.010, 0.92), Ink::plain((y + 14).min(235), u, v));
        x += panel;
    }
    window(&mut chance, canvas);
    banner(&mut chance, canvas);
    plant(&mut chance, canvas);
}

/// Blinds before daylight, left or right.
fn window(chance: &mut Chance, canvas: &mut Canvas<'_>) {
    let wide = canvas.aspect();
    let left = if chance.share() < 0.5 { 0.06 } else { wide - 0.46 };
    canvas.rectangle((left, 0.22), (left + 0.40, 0.70), Ink::plain(96, 122, 134));
    for slat in 0..14 {
        let y = 0.24 + slat as f32 * 0.032;
        canvas.rectangle((left + 0.02, y), (left + 0.38, y + 0.024), Ink::shaded(206, 132, 124, 30.0));
    }
}

/// A red banner with pale characters, which are blocks here.
fn banner(chance: &mut Chance, canvas: &mut Canvas<'_>) {
    let wide = canvas.aspect();
    canvas.rectangle((0.0, 0.02), (wide, 0.125), Ink::shaded(76, 104, 206, 18.0));
    let letters = 14 + chance.below(6);
    let step = (wide - 0.4) / letters as f32;
    for letter in 0..letters {
        let x = 0.2 + letter as f32 * step;
        for _ in 0..7 {
            let (dx, dy) = (chance.share() * step * 0.55, chance.share() * 0.05);
            let stroke = if chance.share() < 0.5 { (step * 0.5, 0.009) } else { (0.007, 0.045) };
            let from = (x + dx * 0.5, 0.042 + dy * 0.6);
            canvas.rectangle(from, (from.0 + stroke.0 * 0.7, from.1 + stroke.1), Ink::plain(214, 108, 140));
        }
    }
}

fn plant(chance: &mut Chance, canvas: &mut Canvas<'_>) {
    let x = if chance.share() < 0.5 { 0.16 } else { canvas.aspect() - 0.16 };
    for _ in 0..16 {
        let (dx, dy) = (chance.swing() * 0.11, chance.share() * 0.3);
        let leaf = Oval { x: x + dx, y: 0.58 + dy, rx: 0.03, ry: 0.075 };
        canvas.oval(leaf, Ink::shaded(70 + chance.below(40) as u8, 116, 112, 26.0));
    }
    canvas.rectangle((x - 0.06, 0.86), (x + 0.06, 1.0), Ink::shaded(90, 118, 150, 20.0));
}
