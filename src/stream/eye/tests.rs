//! The eye as stories: pictures and efforts as a stream would bring them, and what is seen when. Knows no decoder.

use super::luma::{PIXELS, WIDTH};
use super::*;

const FRAME_US: i64 = 40_000;
const GROUP: i64 = 50;

/// What a picture shows.
#[derive(Clone, Copy)]
enum Show {
    Talks,
    Stands,
    /// Another slide.
    StandsNext,
    Black,
}

/// A stretch of a stream: what it shows, its coding effort, and for how many pictures.
type Stretch = (Show, f32, i64);

fn luma(at: i64, show: Show) -> Luma {
    let face = match show {
        // Never as bright as what is around it: that would be a picture of one colour.
        Show::Talks => 130 + (at * 37 % 100) as u8,
        Show::Stands => 90,
        Show::StandsNext => 220,
        Show::Black => 1,
    };
    let around = if matches!(show, Show::Black) { 1 } else { 110 };
    let mut pixels = vec![around; PIXELS];
    for row in 30..60 {
        pixels[row * WIDTH + 60..row * WIDTH + 100].fill(face);
    }
    Luma::new(at * FRAME_US, pixels).unwrap()
}

/// A stream as an analyst shows it to the eye: effort of each picture, key pictures, and every picture while wanted,
/// looking back into the group. A suspicion comes eight pictures after effort fell.
struct Stream {
    eye: Eye,
    at: i64,
    group: Vec<Luma>,
    looked: usize,
    every: usize,
    usual: f32,
}

impl Stream {
    fn new(declared: PictureKind) -> Self {
        Self { eye: Eye::new(declared), at: 0, group: Vec::new(), looked: 0, every: 0, usual: 19.0 }
    }

    /// Plays stretches; gives what was seen after each picture.
    fn play(&mut self, stretches: &[Stretch]) -> Vec<Sight> {
        let mut sights = Vec::new();
        for &(show, effort, pictures) in stretches {
            for number in 0..pictures {
                let drop = self.usual - effort;
                let suspicious = drop >= 1.0 && number >= 8;
                self.next(luma(self.at, show), effort, suspicious.then_some(drop));
                sights.push(self.eye.sight());
            }
        }
        sights
    }

    fn next(&mut self, picture: Luma, effort: f32, suspicion: Option<f32>) {
        let key = self.at % GROUP == 0;
        if key {
            self.group.clear();
            self.looked = 0;
        } else {
            self.eye.effort(picture.pts_us(), effort + if self.at % 2 == 0 { 0.1 } else { -0.1 });
        }
        self.eye.suspect(suspicion);
        self.group.push(picture.clone());
        if self.eye.wants_every() {
            for seen in self.group.drain(..).skip(self.looked) {
                self.every += 1;
                self.eye.picture(seen, Depth::Full);
            }
            self.looked = 0;
        } else if key {
            self.eye.picture(picture, Depth::Key);
        }
        self.at += 1;
    }
}

fn first(sights: &[Sight], what: impl Fn(&Sight) -> bool) -> Option<usize> {
    sights.iter().position(what)
}

fn frozen(sight: &Sight) -> bool {
    sight.still.is_some_and(|still| still.frozen)
}

#[test]
fn a_freeze_is_known_within_a_second_and_ends_with_motion() {
    for lead in [120, 133, 149, 151] {
        let mut stream = Stream::new(PictureKind::Camera);
        let sights =
            stream.play(&[(Show::Talks, 19.0, lead), (Show::Stands, 16.5, 100), (Show::Talks, 19.0, 80)]);
        let began = usize::try_from(lead).unwrap();
        let known = first(&sights, frozen).unwrap();
        assert!((began + 15..=began + 24).contains(&known), "{lead}: {known}");
        let since_us = sights[known].still.unwrap().since_us;
        assert!((since_us - lead * FRAME_US).abs() <= 2 * FRAME_US, "{lead}: {since_us}");
        assert!(sights[known..began + 100].iter().all(frozen), "{lead}");
        let over = first(&sights[began + 100..], |sight| sight.still.is_none()).unwrap();
        assert!(over <= 50, "{lead}: {over}");
        assert!(sights[began + 100 + over..].iter().all(|sight| sight.still.is_none()), "{lead}");
    }
}

#[test]
fn an_empty_room_and_declared_slides_are_static_and_never_frozen() {
    let room = [(Show::Talks, 19.0, 150), (Show::Stands, 18.9, 400)];
    let slides = [(Show::Talks, 19.0, 150), (Show::Stands, 14.0, 400)];
    for (declared, stretches) in [(PictureKind::Camera, room), (PictureKind::Slides, slides)] {
        let mut stream = Stream::new(declared);
        let sights = stream.play(&stretches);
        assert!(!sights.iter().any(frozen), "{declared:?}");
        assert!(sights.last().unwrap().still.is_some(), "{declared:?}");
    }
}

#[test]
fn a_still_room_costs_no_burst() {
    let mut stream = Stream::new(PictureKind::Camera);
    stream.play(&[(Show::Stands, 18.9, 1_000)]);
    assert_eq!(stream.every, 0);
}

#[test]
fn a_suspicion_without_stillness_is_dismissed_and_only_a_further_fall_is_looked_into() {
    let mut stream = Stream::new(PictureKind::Camera);
    let sights = stream.play(&[(Show::Talks, 19.0, 150), (Show::Talks, 17.5, 500)]);
    assert!(sights.iter().all(|sight| sight.still.is_none() && sight.blank.is_none()));
    assert!((30..150).contains(&stream.every), "{}", stream.every);
    let sights = stream.play(&[(Show::Stands, 15.0, 60)]);
    assert!(first(&sights, frozen).is_some());
}

#[test]
fn black_is_known_within_half_a_second_of_suspicion_and_is_no_freeze() {
    let mut stream = Stream::new(PictureKind::Camera);
    let sights = stream.play(&[(Show::Talks, 19.0, 160), (Show::Black, 9.0, 150), (Show::Talks, 19.0, 80)]);
    let known = first(&sights, |sight| sight.blank.is_some()).unwrap();
    assert!((170..=173).contains(&known), "{known}");
    assert!(sights[known..310].iter().all(|sight| sight.blank.is_some() && sight.still.is_none()));
    assert!(sights[310 + 50..].iter().all(|sight| sight.blank.is_none() && sight.still.is_none()));
}

#[test]
fn slides_on_a_camera_stream_are_learned() {
    let mut stream = Stream::new(PictureKind::Camera);
    for slide in [Show::Stands, Show::StandsNext].into_iter().cycle().take(6) {
        stream.play(&[(slide, 10.0, 200), (Show::Talks, 18.0, 12)]);
    }
    let sights = stream.play(&[(Show::Talks, 19.0, 100), (Show::Stands, 10.0, 200)]);
    assert!(!sights.iter().any(frozen));
}

#[test]
fn what_was_seen_before_an_interruption_does_not_count() {
    let mut stream = Stream::new(PictureKind::Camera);
    stream.play(&[(Show::Talks, 19.0, 150), (Show::Stands, 16.0, 60)]);
    assert!(frozen(&stream.eye.sight()));
    stream.eye.interrupted();
    assert_eq!(stream.eye.sight(), Sight::default());
}

#[test]
fn a_sudden_end_of_motion_is_a_freeze_though_the_encoder_is_as_busy_as_before() {
    // At a constant rate all bits go into refining the still; only the quantiser falls, five pictures later. The group
    // begins long before the freeze, just before it, with it and just after.
    for lead in [130, 147, 149, 150, 151, 153] {
        let mut stream = Stream::new(PictureKind::Camera);
        stream.play(&[(Show::Talks, 19.0, lead)]);
        let known = (0..60).find(|&number| {
            stream.next(luma(stream.at, Show::Stands), 18.8, (number >= 5).then_some(0.8));
            frozen(&stream.eye.sight())
        });
        assert!(known.is_some_and(|number| number <= 24), "{lead}: {known:?}");
    }
}
