//! What the streams show: scenes, real footage, and what goes wrong when. A story is told in pictures; an encoder makes
//! a clip of it.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use vcops::media::picture::{Colour, Picture, Size};
use vcops::media::scene::{Look, Scene, SceneSpec};

/// Pictures per second of every story.
pub(crate) const FPS: u32 = 25;

/// A story.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    /// What is to be seen.
    pub(crate) subject: Subject,
    /// How many pictures.
    pub(crate) pictures: u32,
    /// What goes wrong, in order.
    pub(crate) faults: Vec<Fault>,
    /// Decides the scene.
    pub(crate) seed: u64,
}

/// What is to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A generated scene.
    Scene(Look),
    /// Real footage, played again and again.
    Footage(&'static str, PathBuf),
}

/// Something that goes wrong before the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What.
    pub(crate) kind: Kind,
    /// First bad picture.
    pub(crate) from: u32,
    /// First good picture after.
    pub(crate) until: u32,
}

/// What can go wrong with pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// One picture again and again.
    Freeze,
    /// Black.
    Black,
    /// Blue.
    Flat,
}

impl Kind {
    /// The detection's word.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Black => "black",
            Self::Flat => "flat",
        }
    }
}

impl Subject {
    /// A short name.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Scene(look) => {
                format!("{look:?}").to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
            }
            Self::Footage(name, _) => (*name).to_owned(),
        }
    }
}

/// Tells a story picture by picture.
pub(crate) struct Teller {
    story: Story,
    source: Source,
    shown: Picture,
    raw: Vec<u8>,
    next: u32,
}

enum Source {
    Scene(Box<Scene>),
    Footage(Child),
}

impl Teller {
    pub(crate) fn new(story: &Story, size: Size) -> Result<Self> {
        let source = match &story.subject {
            Subject::Scene(look) => {
                let spec = SceneSpec { look: *look, size, period: 250, seed: story.seed };
                Source::Scene(Box::new(Scene::new(spec)))
            }
            Subject::Footage(_, path) => Source::Footage(decoder(path, size)?),
        };
        let raw = vec![0; size.bytes()];
        Ok(Self { story: story.clone(), source, shown: Picture::new(size), raw, next: 0 })
    }

    /// The next picture as I420; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let number = self.next;
        if number == self.story.pictures {
            return Ok(None);
        }
        self.next += 1;
        let fault = self.story.faults.iter().find(|fault| (fault.from..fault.until).contains(&number));
        match fault.map(|fault| fault.kind) {
            Some(Kind::Freeze) => Ok(Some(self.raw.clone())),
            Some(Kind::Black) => Ok(Some(of_one_colour(self.shown.size(), Colour::BLACK))),
            Some(Kind::Flat) => Ok(Some(of_one_colour(self.shown.size(), Colour::BLUE))),
            None => self.live(number).map(Some),
        }
    }

    fn live(&mut self, number: u32) -> Result<Vec<u8>> {
        match &mut self.source {
            Source::Scene(scene) => {
                scene.paint(number, &mut self.shown);
                self.raw.copy_from_slice(self.shown.bytes());
            }
            Source::Footage(child) => {
                let pipe = child.stdout.as_mut().context("footage has a pipe")?;
                pipe.read_exact(&mut self.raw).context("footage ended")?;
            }
        }
        Ok(self.raw.clone())
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        if let Source::Footage(child) = &mut self.source {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn of_one_colour(size: Size, colour: Colour) -> Vec<u8> {
    let mut picture = Picture::new(size);
    picture.fill(colour);
    picture.bytes().to_vec()
}

/// Footage in a loop, scaled, as raw pictures.
fn decoder(path: &std::path::Path, size: Size) -> Result<Child> {
    let filter = format!("fps={FPS},scale={}:{},format=yuv420p", size.width(), size.height());
    Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-stream_loop", "-1", "-i"])
        .arg(path)
        .args(["-an", "-vf", &filter, "-f", "rawvideo", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("starting ffmpeg")
}
