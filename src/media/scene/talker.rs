//! Somebody at a desk: head, face, shoulders and a hand that move as people do who talk.

use std::f32::consts::TAU;

use super::backdrop::dimmed;
use super::canvas::{Canvas, Ink, Oval};
use crate::media::chance::Chance;
use crate::media::picture::Colour;

/// Somebody who talks.
#[derive(Debug)]
pub(super) struct Talker {
    scale: f32,
    light: f32,
    /// Phases of the slow sways, in turns.
    phases: [f32; 6],
    skin: Ink,
    hair: Ink,
    coat: Ink,
    tie: Ink,
}

/// Where everything is in one picture, in heights.
#[derive(Debug, Clone, Copy)]
struct Pose {
    x: f32,
    y: f32,
    nod: f32,
    look: f32,
    mouth: f32,
    lids: f32,
    hand: f32,
}

impl Talker {
    /// `scale` 1 fills half of the height; `light` 1 is a lit hall.
    pub(super) fn new(seed: u64, scale: f32, light: f32) -> Self {
        let mut chance = Chance::new(seed.wrapping_mul(31) + 5);
        let coats = [(46, 134, 126), (58, 138, 122), (38, 128, 128), (84, 120, 128), (64, 124, 136)];
        let (y, u, v) = coats[chance.below(coats.len())];
        let skin = 148 + chance.below(26) as u8;
        Self {
            scale,
            light,
            phases: std::array::from_fn(|_| chance.share()),
            skin: Ink::shaded(skin, 112, 150, 26.0),
            hair: Ink::shaded(34 + chance.below(14) as u8, 126, 130, 16.0),
            coat: Ink::shaded(y, u, v, 24.0),
            tie: Ink::shaded(70, 110 + chance.below(40) as u8, 120 + chance.below(60) as u8, 10.0),
        }
    }

    /// Paints the pose at `turn` of the period, 0–1.
    pub(super) fn paint(&self, turn: f32, canvas: &mut Canvas<'_>) {
        let pose = self.pose(turn, canvas.aspect());
        self.body(pose, canvas);
        self.head(pose, canvas);
        self.face(pose, canvas);
        self.desk(pose, canvas);
    }

    /// Sways of whole numbers of cycles per period, so that the end meets the beginning.
    fn pose(&self, turn: f32, aspect: f32) -> Pose {
        let wave = |cycles: f32, phase: usize| (TAU * (turn * cycles + self.phases[phase])).sin();
        let talk = wave(29.0, 0) * 0.6 + wave(43.0, 1) * 0.4;
        let pauses = (wave(2.0, 5) + 0.75).clamp(0.0, 1.0);
        let blink = (turn * 3.0 + self.phases[2]).fract();
        Pose {
            x: aspect / 2.0 + self.scale * (0.05 * wave(2.0, 1) + 0.018 * wave(7.0, 3)),
            y: 0.46 + (1.0 - self.scale) * 0.22 + self.scale * (0.014 * wave(3.0, 2) + 0.010 * wave(11.0, 4)),
            nod: 0.5 * wave(9.0, 4) + 0.5 * wave(5.0, 0),
            look: wave(3.0, 3),
            mouth: (0.25 + 0.75 * talk.max(0.0)) * pauses,
            lids: if blink < 0.04 { 0.15 } else { 1.0 },
            hand: wave(6.0, 5).max(0.0),
        }
    }

    fn body(&self, pose: Pose, canvas: &mut Canvas<'_>) {
        let s = self.scale;
        let sway = pose.x + 0.012 * s * pose.look;
        let oval = |dx: f32, dy: f32, rx: f32, ry: f32| Oval {
            x: sway + dx * s,
            y: pose.y + dy * s,
            rx: rx * s,
            ry: ry * s,
        };
        canvas.mound(oval(0.0, 0.52, 0.40, 0.27), self.lit(self.coat));
        canvas.oval(oval(0.0, 0.27, 0.085, 0.10), self.lit(self.skin));
        canvas.rows(pose.y + 0.28 * s, pose.y + 0.50 * s, self.lit(Ink::plain(206, 128, 126)), |y| {
            let half = 0.075 * s * (1.0 - (y - pose.y - 0.28 * s) / (0.22 * s));
            Some((sway - half, sway + half))
        });
        canvas.rows(pose.y + 0.31 * s, 1.0, self.lit(self.tie), |y| {
            let half = (0.012 + 0.02 * (y - pose.y - 0.31 * s)).min(0.024) * s;
            Some((sway - half, sway + half))
        });
    }

    fn head(&self, pose: Pose, canvas: &mut Canvas<'_>) {
        let s = self.scale;
        let turned = pose.look * 0.012 * s;
        let oval = |dx: f32, dy: f32, rx: f32, ry: f32| Oval {
            x: pose.x + dx * s,
            y: pose.y + dy * s,
            rx: rx * s,
            ry: ry * s,
        };
        canvas.oval(oval(0.0, -0.035, 0.158, 0.215), self.lit(self.hair));
        for side in [-1.0, 1.0] {
            canvas.oval(oval(side * 0.148 - pose.look * 0.01, 0.03, 0.024, 0.045), self.lit(self.skin));
        }
        let face = Oval { x: pose.x + turned, ..oval(0.0, 0.025, 0.140, 0.195) };
        canvas.oval(face, self.lit(self.skin));
        let fringe = Oval { x: pose.x - turned * 0.5, ..oval(0.0, -0.155, 0.130, 0.075) };
        canvas.oval(fringe, self.lit(self.hair));
    }

    fn face(&self, pose: Pose, canvas: &mut Canvas<'_>) {
        let s = self.scale;
        let (x, y) = (pose.x + 0.026 * s * pose.look, pose.y + 0.012 * s * pose.nod);
        let oval = |dx: f32, dy: f32, rx: f32, ry: f32| Oval {
            x: x + dx * s,
            y: y + dy * s,
            rx: rx * s,
            ry: ry * s,
        };
        for side in [-1.0, 1.0] {
            canvas.oval(oval(side * 0.058, -0.062, 0.034, 0.0065), self.lit(self.hair));
            canvas.oval(
                oval(side * 0.058, -0.028, 0.026, 0.0145 * pose.lids),
                self.lit(Ink::plain(204, 128, 128)),
            );
            let iris = 0.0125 * pose.lids.max(0.4);
            canvas.oval(
                oval(side * 0.058 + 0.008 * pose.look, -0.028, 0.0115, iris),
                self.lit(Ink::plain(34, 128, 130)),
            );
        }
        let mut shadow = self.skin;
        shadow.colour.y -= 20;
        canvas.oval(oval(0.006, 0.035, 0.016, 0.034), self.lit(shadow));
        canvas.oval(oval(0.0, 0.112, 0.046, 0.013 + 0.026 * pose.mouth), self.lit(Ink::plain(104, 116, 168)));
        canvas.oval(oval(0.0, 0.112, 0.034, 0.002 + 0.021 * pose.mouth), self.lit(Ink::plain(42, 124, 142)));
    }

    fn desk(&self, pose: Pose, canvas: &mut Canvas<'_>) {
        let (s, wide) = (self.scale, canvas.aspect());
        if pose.hand > 0.02 {
            let hand =
                Oval { x: pose.x + 0.30 * s, y: 0.90 - 0.20 * s * pose.hand, rx: 0.05 * s, ry: 0.06 * s };
            canvas.rows(hand.y, 1.0, self.lit(self.coat), |_| Some((hand.x - 0.05 * s, hand.x + 0.06 * s)));
            canvas.oval(hand, self.lit(self.skin));
        }
        canvas.rectangle((0.0, 0.90), (wide, 1.0), self.lit(Ink::shaded(72, 112, 150, 20.0)));
        canvas.rectangle((0.0, 0.90), (wide, 0.906), self.lit(Ink::plain(112, 112, 148)));
        let plate = (wide / 2.0 - 0.44, 0.855);
        canvas.rectangle(plate, (plate.0 + 0.20, 0.925), self.lit(Ink::plain(196, 118, 150)));
        let microphone = wide / 2.0 - 0.16;
        canvas.rectangle((microphone, 0.74), (microphone + 0.008, 0.90), self.lit(Ink::plain(30, 128, 128)));
        canvas.oval(
            Oval { x: microphone + 0.004, y: 0.735, rx: 0.014, ry: 0.026 },
            self.lit(Ink::plain(40, 128, 128)),
        );
    }

    fn lit(&self, ink: Ink) -> Ink {
        let Colour { y, u, v } = ink.colour;
        let light = self.light;
        let colour = Colour::new(dimmed(y, 16.0, light), dimmed(u, 128.0, light), dimmed(v, 128.0, light));
        Ink { colour, shade: ink.shade * light }
    }
}
