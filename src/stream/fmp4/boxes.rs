//! The boxes of a fragmented movie (ISO/IEC 14496-12, -14, -15): the beginning that names its tracks, and fragments.
//! Knows no stream and no time but ticks.

use bytes::Bytes;
use mp4_atom::{
    Audio, Avc1, Avcc, Codec, Dinf, Dref, DrefEntry, Encode as _, Esds, Ftyp, Hdlr, Hvc1, HvcCArray, Hvcc,
    Mdhd, Mdia, Mfhd, Minf, Moof, Moov, Mp4a, Mvex, Mvhd, Smhd, Stbl, Stco, Stsc, Stsd, Stsz, StszSamples,
    Stts, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun, TrunEntry, TrunSamples, Url, Visual, Vmhd, esds,
};

use super::parameters::{PictureTrack, Sets};
use super::sound::SoundTrack;

/// Ticks of a second in the picture track.
pub(super) const PICTURE_TICKS: u32 = 90_000;
/// The picture track's number.
const PICTURES: u32 = 1;
/// The sound track's number.
const SOUND: u32 = 2;
/// Depends on no other sample (ISO/IEC 14496-12 §8.8.3.1).
const FLAGS_KEY: u32 = 0x0200_0000;
/// Depends on others, and is no place to begin.
const FLAGS_DELTA: u32 = 0x0101_0000;

/// One sample of a fragment.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// Ticks that it lasts.
    pub(super) duration: u32,
    /// How much later than its decoding it is shown, ticks.
    pub(super) shown_after: i64,
    /// Whether decoding can begin with it.
    pub(super) key: bool,
    /// Its bytes as the movie has them.
    pub(super) data: Bytes,
}

/// The samples of one track in one fragment.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    /// Decoding time of the first, ticks since the movie's beginning.
    pub(super) begins: u64,
    /// The samples in decoding order.
    pub(super) samples: Vec<Sample>,
}

/// `ftyp` and `moov`.
pub(super) fn beginning(pictures: Option<&PictureTrack>, sound: Option<&SoundTrack>) -> Vec<u8> {
    let ftyp = Ftyp {
        major_brand: b"iso6".into(),
        minor_version: 0,
        compatible_brands: vec![b"iso6".into(), b"mp41".into()],
    };
    let numbers = pictures.map(|_| PICTURES).into_iter().chain(sound.map(|_| SOUND));
    let trex = |track_id| Trex { track_id, default_sample_description_index: 1, ..Trex::default() };
    let moov = Moov {
        mvhd: Mvhd { timescale: 1000, next_track_id: SOUND + 1, ..Mvhd::default() },
        mvex: Some(Mvex { mehd: None, trex: numbers.map(trex).collect() }),
        trak: pictures.map(picture_trak).into_iter().chain(sound.map(sound_trak)).collect(),
        ..Moov::default()
    };
    let mut bytes = Vec::new();
    ftyp.encode(&mut bytes).expect("fixed words fit");
    moov.encode(&mut bytes).expect("parameter sets were checked for their length");
    bytes
}

/// `moof` and `mdat`. A run without samples leaves its track out.
pub(super) fn fragment(sequence: u32, pictures: &Run, sound: &Run) -> Vec<u8> {
    let runs = [(PICTURES, pictures), (SOUND, sound)];
    let runs: Vec<(u32, &Run)> = runs.into_iter().filter(|(_, run)| !run.samples.is_empty()).collect();
    let payload: usize = runs.iter().flat_map(|(_, run)| &run.samples).map(|sample| sample.data.len()).sum();
    // Offsets count from the first byte of the moof, whose length does not depend on them.
    let mut bytes = Vec::with_capacity(payload + 256);
    moof(sequence, &runs, 0).encode(&mut bytes).expect("a fragment is small");
    let head = bytes.len();
    bytes.clear();
    moof(sequence, &runs, head + 8).encode(&mut bytes).expect("a fragment is small");
    let length = u32::try_from(payload + 8).expect("units are at most some MiB");
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(b"mdat");
    for sample in runs.iter().flat_map(|(_, run)| &run.samples) {
        bytes.extend_from_slice(&sample.data);
    }
    bytes
}

fn moof(sequence_number: u32, runs: &[(u32, &Run)], payload_at: usize) -> Moof {
    let mut at = payload_at;
    let mut traf = Vec::with_capacity(runs.len());
    for (track, run) in runs {
        traf.push(track_fragment(*track, run, at));
        at += run.samples.iter().map(|sample| sample.data.len()).sum::<usize>();
    }
    Moof { mfhd: Mfhd { sequence_number }, traf }
}

fn track_fragment(track_id: u32, run: &Run, at: usize) -> Traf {
    let entry = |sample: &Sample| TrunEntry {
        duration: Some(sample.duration),
        size: u32::try_from(sample.data.len()).ok(),
        flags: Some(if sample.key { FLAGS_KEY } else { FLAGS_DELTA }),
        cts: Some(sample.shown_after),
    };
    Traf {
        tfhd: Tfhd { track_id, default_base_is_moof: true, ..Tfhd::default() },
        tfdt: Some(Tfdt { base_media_decode_time: run.begins }),
        trun: vec![Trun {
            data_offset: i32::try_from(at).ok(),
            samples: TrunSamples::Explicit(run.samples.iter().map(entry).collect()),
        }],
        ..Traf::default()
    }
}

fn picture_trak(track: &PictureTrack) -> Trak {
    let visual =
        Visual { data_reference_index: 1, width: track.width, height: track.height, ..Visual::default() };
    let codec = match &track.sets {
        Sets::H264 { sps, pps } => {
            let avcc = Avcc::new(sps, pps).expect("the set was checked for its length");
            Codec::Avc1(Avc1 { visual, avcc, ..Avc1::default() })
        }
        Sets::H265 { vps, sps, pps, profile } => {
            let array = |nal_unit_type, nalu: &Bytes| HvcCArray {
                completeness: true,
                nal_unit_type,
                nalus: vec![nalu.to_vec()],
            };
            let hvcc = Hvcc {
                general_profile_space: profile.space,
                general_tier_flag: profile.high_tier,
                general_profile_idc: profile.idc,
                general_profile_compatibility_flags: profile.compatibility.to_be_bytes(),
                general_constraint_indicator_flags: profile.constraints,
                general_level_idc: profile.level,
                // 4:2:0 is all that browsers play.
                chroma_format_idc: 1,
                bit_depth_luma_minus8: profile.bit_depth_minus8,
                bit_depth_chroma_minus8: profile.bit_depth_minus8,
                num_temporal_layers: 1,
                temporal_id_nested: true,
                length_size_minus_one: 3,
                arrays: vec![array(32, vps), array(33, sps), array(34, pps)],
                ..Hvcc::new()
            };
            Codec::Hvc1(Hvc1 { visual, hvcc, ..Hvc1::default() })
        }
    };
    let tkhd = Tkhd { width: track.width.into(), height: track.height.into(), ..track_head(PICTURES) };
    let minf = Minf { vmhd: Some(Vmhd::default()), dinf: here(), stbl: empty(codec), ..Minf::default() };
    trak(tkhd, PICTURE_TICKS, b"vide", minf)
}

fn sound_trak(track: &SoundTrack) -> Trak {
    let audio = Audio {
        data_reference_index: 1,
        channel_count: track.channels.into(),
        sample_size: 16,
        sample_rate: u16::try_from(track.rate_hz).unwrap_or(0).into(),
    };
    let specific = esds::DecoderSpecific {
        profile: track.object_type,
        freq_index: 0,
        chan_conf: track.channels,
        raw: track.config.to_vec(),
    };
    let dec_config = esds::DecoderConfig {
        // MPEG-4 audio in an audio stream (ISO/IEC 14496-1 tables 5 and 6).
        object_type_indication: 0x40,
        stream_type: 5,
        up_stream: 0,
        buffer_size_db: Default::default(),
        max_bitrate: 0,
        avg_bitrate: 0,
        dec_specific: Some(specific),
    };
    let es_desc = esds::EsDescriptor {
        es_id: 1,
        depends_on_es_id: None,
        url: None,
        ocr_es_id: None,
        stream_priority: 0,
        dec_config,
        sl_config: esds::SLConfig {},
    };
    let mp4a = Mp4a { audio, esds: Esds { es_desc }, btrt: None, taic: None };
    let minf =
        Minf { smhd: Some(Smhd::default()), dinf: here(), stbl: empty(Codec::Mp4a(mp4a)), ..Minf::default() };
    trak(Tkhd { volume: 1.into(), ..track_head(SOUND) }, track.rate_hz, b"soun", minf)
}

fn trak(tkhd: Tkhd, timescale: u32, handler: &[u8; 4], minf: Minf) -> Trak {
    let mdhd = Mdhd { timescale, language: "und".to_owned(), ..Mdhd::default() };
    let hdlr = Hdlr { handler: handler.into(), name: String::new() };
    Trak { tkhd, mdia: Mdia { mdhd, hdlr, minf }, ..Trak::default() }
}

fn track_head(track_id: u32) -> Tkhd {
    Tkhd { track_id, enabled: true, in_movie: true, ..Tkhd::default() }
}

/// The media are in this very file.
fn here() -> Dinf {
    Dinf { dref: Dref { entries: vec![DrefEntry::Url(Url::default())] } }
}

/// The tables of a movie whose samples are all in fragments.
fn empty(codec: Codec) -> Stbl {
    Stbl {
        stsd: Stsd { codecs: vec![codec] },
        stsz: Stsz { samples: StszSamples::Identical { count: 0, size: 0 } },
        stts: Stts::default(),
        stsc: Stsc::default(),
        stco: Some(Stco::default()),
        ..Stbl::default()
    }
}
