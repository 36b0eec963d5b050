//! What a camera sees: people who talk, rooms, slides, a mix of venues.
//!
//! Each scene is decided by its seed and repeats after its period without a seam, but for the noise of the sensor,
//! which never repeats.
//!
//! Knows geometry and light; must not know codecs, time or faults.

mod canvas;
mod grain;
mod backdrop;
mod talker;
mod slides;

use serde::Serialize;

use canvas::Canvas;
use grain::Grain;

use super::picture::{Picture, Size};
use backdrop::Backdrop;
use slides::Slides;
use talker::Talker;

/// What is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// Somebody at a desk who talks and moves.
    Talker,
    /// Somebody small and calm before a wide background.
    CalmTalker,
    /// A talker in a hall with the lights off: mean luma round 11 of 255.
    DimTalker,
    /// An empty room: nothing moves but the sensor's noise.
    Room,
    /// Slides that change sharply, each time after so many pictures; no noise.
    Slides {
        /// Pictures from change to change.
        every: u32,
    },
    /// Cuts from talker to talker, each after so many pictures.
    Cuts {
        /// Pictures from cut to cut.
        every: u32,
    },
    /// Four venues at once, as an MCU mixes them.
    Mix,
}

/// What decides a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SceneSpec {
    /// What is to be seen.
    pub look: Look,
    /// How large.
    pub size: Size,
    /// Motion repeats after so many pictures.
    pub period: u32,
    /// Colours, proportions and noise.
    pub seed: u64,
}

/// Paints a scene picture by picture.
#[derive(Debug)]
pub struct Scene {
    spec: SceneSpec,
    parts: Vec<Part>,
    grain: Option<Grain>,
}

/// What stands still, who moves before it, and where on the whole picture that is.
#[derive(Debug)]
struct Part {
    backdrop: Picture,
    actor: Actor,
    tile: Option<Tile>,
}

#[derive(Debug)]
struct Tile {
    left: usize,
    top: usize,
    picture: Picture,
}

#[derive(Debug)]
enum Actor {
    Nobody,
    Talker(Box<Talker>),
    Slides(Slides),
}

impl Look {
    /// Standard deviation of the sensor's noise, luma steps.
    fn grain(self) -> f32 {
        match self {
            Self::Talker | Self::Cuts { .. } => 2.2,
            Self::CalmTalker | Self::Mix => 1.6,
            Self::DimTalker => 1.2,
            Self::Room => 3.0,
            Self::Slides { .. } => 0.0,
        }
    }
}

impl Scene {
    /// Prepares a scene: paints what never moves.
    pub fn new(spec: SceneSpec) -> Self {
        let grain = spec.look.grain();
        let grain = (grain > 0.0).then(|| Grain::new(grain, spec.seed));
        Self { spec, parts: parts(spec), grain }
    }

    /// How large its pictures are.
    pub fn size(&self) -> Size {
        self.spec.size
    }

    /// Paints picture `number`.
    pub fn paint(&mut self, number: u32, into: &mut Picture) {
        let period = self.spec.period.max(1);
        let turn = (number % period) as f32 / period as f32;
        let shown = match self.spec.look {
            Look::Cuts { every } => {
                let which = (number / every.max(1)) as usize % self.parts.len();
                &mut self.parts[which..=which]
            }
            Look::Mix
            | Look::Talker
            | Look::CalmTalker
            | Look::DimTalker
            | Look::Room
            | Look::Slides { .. } => &mut self.parts[..],
        };
        shown.iter_mut().for_each(|part| part.paint(turn, number, into));
        if let Some(grain) = &mut self.grain {
            grain.spray(into);
        }
    }
}

impl Part {
    fn new(size: Size, backdrop: Backdrop, actor: Actor) -> Self {
        let mut picture = Picture::new(size);
        backdrop.paint(&mut picture);
        Self { backdrop: picture, actor, tile: None }
    }

    fn paint(&mut self, turn: f32, number: u32, into: &mut Picture) {
        match &mut self.tile {
            None => draw(&self.backdrop, &self.actor, (turn, number), into),
            Some(tile) => {
                draw(&self.backdrop, &self.actor, (turn, number), &mut tile.picture);
                into.place(&tile.picture, tile.left, tile.top);
            }
        }
    }
}

fn draw(backdrop: &Picture, actor: &Actor, (turn, number): (f32, u32), into: &mut Picture) {
    into.copy_from(backdrop);
    match actor {
        Actor::Nobody => {}
        Actor::Talker(talker) => talker.paint(turn, &mut Canvas::new(into)),
        Actor::Slides(slides) => slides.paint(number, &mut Canvas::new(into)),
    }
}

fn parts(spec: SceneSpec) -> Vec<Part> {
    let SceneSpec { look, size, seed, .. } = spec;
    let talker = |size, scale, light, seed| {
        let actor = Actor::Talker(Box::new(Talker::new(seed, scale, light)));
        Part::new(size, Backdrop::hall(seed, light), actor)
    };
    match look {
        Look::Talker => vec![talker(size, 1.0, 1.0, seed)],
        Look::CalmTalker => vec![talker(size, 0.55, 1.0, seed)],
        Look::DimTalker => vec![talker(size, 1.0, 0.1, seed)],
        Look::Room => vec![Part::new(size, Backdrop::hall(seed, 0.8), Actor::Nobody)],
        Look::Slides { every } => {
            vec![Part::new(size, Backdrop::Paper, Actor::Slides(Slides::new(seed, every)))]
        }
        Look::Cuts { .. } => (0..4).map(|at| talker(size, 0.8 + at as f32 / 8.0, 1.0, seed + at)).collect(),
        Look::Mix => {
            (0..4).map(|at| tiled(talker(size.half(), 1.0, 1.0, seed + at), at as usize, size)).collect()
        }
    }
}

fn tiled(part: Part, at: usize, whole: Size) -> Part {
    let half = whole.half();
    let picture = Picture::new(half);
    let (left, top) = (at % 2 * half.width(), at / 2 * half.height());
    Part { tile: Some(Tile { left, top, picture }), ..part }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(look: Look, number: u32) -> Picture {
        let spec = SceneSpec { look, size: Size::P180, period: 200, seed: 7 };
        let mut picture = Picture::new(Size::P180);
        Scene::new(spec).paint(number, &mut picture);
        picture
    }

    /// Largest mean difference of any 20×20 block.
    fn block_max(a: &Picture, b: &Picture) -> f64 {
        let block = |bx: usize, by: usize| -> f64 {
            let rows = (0..20).map(|row| (by * 20 + row) * 320 + bx * 20);
            let sum: u32 = rows
                .flat_map(|at| a.luma()[at..at + 20].iter().zip(&b.luma()[at..at + 20]))
                .map(|(a, b)| u32::from(a.abs_diff(*b)))
                .sum();
            f64::from(sum) / 400.0
        };
        (0..9)
            .flat_map(|by| (0..16).map(move |bx| (bx, by)))
            .map(|(bx, by)| block(bx, by))
            .fold(0.0, f64::max)
    }

    #[test]
    fn people_move_within_half_a_second_and_rooms_do_not() {
        for (look, moves) in [
            (Look::Talker, true),
            (Look::CalmTalker, true),
            (Look::Mix, true),
            (Look::Cuts { every: 50 }, true),
            (Look::Room, false),
            (Look::Slides { every: 100 }, false),
        ] {
            let least = (0..8).map(|at| block_max(&painted(look, at * 25), &painted(look, at * 25 + 12)));
            let least = least.fold(f64::MAX, f64::min);
            assert_eq!(least > 5.0, moves, "{look:?}: {least}");
        }
    }

    #[test]
    fn a_dim_hall_is_dark_but_not_black() {
        let picture = painted(Look::DimTalker, 3);
        let mean: f64 = picture.luma().iter().map(|luma| f64::from(*luma)).sum::<f64>() / 57_600.0;
        let brightest = picture.luma().iter().max();
        assert!((18.0..40.0).contains(&mean) && brightest > Some(&30), "{mean} {brightest:?}");
    }

    #[test]
    fn a_scene_is_decided_by_its_seed_and_repeats() {
        assert_eq!(painted(Look::Talker, 5), painted(Look::Talker, 5));
        assert!(block_max(&painted(Look::Talker, 5), &painted(Look::Talker, 205)) < 5.0);
        let other = SceneSpec { look: Look::Talker, size: Size::P180, period: 200, seed: 8 };
        let mut picture = Picture::new(Size::P180);
        Scene::new(other).paint(5, &mut picture);
        assert!(block_max(&painted(Look::Talker, 5), &picture) > 10.0);
    }
}
